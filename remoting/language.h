/* language: Apache's LanguageCode, number (binary header) and name (JSON header). Thread: any. */
#ifndef REMOTING_LANGUAGE_H
#define REMOTING_LANGUAGE_H

#include "base/slice.h"

/* Ordinal of a name; LANGUAGE_OTHER when unknown. */
int32_t language_from_name(struct slice name);

/* Name of an ordinal; "OTHER" when unknown. */
struct slice language_name(int32_t language);

/* The ordinal itself, or LANGUAGE_OTHER when unknown. */
int32_t language_from_ordinal(int32_t ordinal);

#endif
