#include "remoting/number.h"

#include <string.h>

static const char pairs[] = "0001020304050607080910111213141516171819"
			    "2021222324252627282930313233343536373839"
			    "4041424344454647484950515253545556575859"
			    "6061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

size_t number_put_i64(char *out, int64_t v)
{
	char digits[NUMBER_TEXT_MAX], *at = digits + sizeof(digits);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	size_t len;

	for (; u >= 100; u /= 100)
		at = memcpy(at - 2, pairs + u % 100 * 2, 2);
	if (u >= 10)
		at = memcpy(at - 2, pairs + u * 2, 2);
	else
		*--at = (char)('0' + u);
	if (v < 0)
		*--at = '-';
	len = (size_t)(digits + sizeof(digits) - at);
	memcpy(out, at, len);
	return len;
}
