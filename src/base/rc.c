#include "base/rc.h"

#include <errno.h>

#define RC_TEXT(code, text) [code] = (text),
static const char *const texts[RC_COUNT] = {RC_LIST(RC_TEXT)};

const char *rc_text(enum rc rc) { return (unsigned)rc < RC_COUNT ? texts[rc] : "unknown error"; }

enum rc rc_from_errno(int err)
{
	switch (err) {
	case 0:
		return RC_OK;
	case EAGAIN:
		return RC_AGAIN;
	case ENOENT:
		return RC_NOT_FOUND;
	case EEXIST:
		return RC_EXISTS;
	case ENOSPC:
	case EDQUOT:
		return RC_DISK_FULL;
	case EROFS:
		return RC_READ_ONLY;
	case EACCES:
	case EPERM:
		return RC_PERMISSION;
	case ENOMEM:
		return RC_NO_MEMORY;
	case EMFILE:
	case ENFILE:
		return RC_TOO_MANY_FILES;
	case EINVAL:
		return RC_INVALID;
	case ETIMEDOUT:
		return RC_TIMEOUT;
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return RC_UNREACHABLE;
	case ECONNRESET:
	case EPIPE:
		return RC_CLOSED;
	default:
		return RC_IO;
	}
}
