#include "remoting/response_code.h"

const char *response_code_name(int32_t code)
{
#define CASE(name, number)                                                                                                       \
	case number:                                                                                                             \
		return #name;
	switch (code) {
		RESPONSE_CODE_LIST(CASE)
	default:
		return "?";
	}
#undef CASE
}

/* No `default`: -Wswitch names the rc that was added and not placed here. */
int32_t response_code_from_rc(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return SUCCESS;
	case RC_BUSY:
	case RC_NO_MEMORY:
	case RC_TOO_MANY_FILES:
		return SYSTEM_BUSY;
	case RC_TOO_BIG:
		return MESSAGE_ILLEGAL;
	case RC_NOT_FOUND:
		return QUERY_NOT_FOUND;
	case RC_PERMISSION:
		return NO_PERMISSION;
	case RC_INVALID:
		return INVALID_PARAMETER;
	case RC_UNSUPPORTED:
		return REQUEST_CODE_NOT_SUPPORTED;
	case RC_READ_ONLY:
	case RC_DISK_FULL:
		return SERVICE_NOT_AVAILABLE;
	case RC_AGAIN:
	case RC_PENDING:
	case RC_MALFORMED:
	case RC_MISSING:
	case RC_EXISTS:
	case RC_TIMEOUT:
	case RC_CANCELED:
	case RC_CLOSED:
	case RC_UNREACHABLE:
	case RC_IO:
	case RC_LOCKED:
	case RC_CORRUPT:
	case RC_COUNT:
		return SYSTEM_ERROR;
	}
	return SYSTEM_ERROR;
}
