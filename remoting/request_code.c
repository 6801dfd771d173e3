#include "remoting/request_code.h"

const char *request_code_name(int32_t code)
{
#define CASE(name, number)                                                                                                       \
	case number:                                                                                                             \
		return #name;
	switch (code) {
		REQUEST_CODE_LIST(CASE)
	default:
		return "?";
	}
#undef CASE
}
