#include "remoting/language.h"

#include "base/defs.h"
#include "remoting/command.h"

/* By ordinal: LanguageCode of Apache 5.5.0; constants.md section 7. */
static const struct slice names[] = {
	{"JAVA", 4},  {"CPP", 3},  {"DOTNET", 6}, {"PYTHON", 6}, {"DELPHI", 6}, {"ERLANG", 6}, {"RUBY", 4},
	{"OTHER", 5}, {"HTTP", 4}, {"GO", 2},     {"PHP", 3},    {"OMS", 3},    {"RUST", 4},   {"NODE_JS", 7},
};

int32_t language_from_name(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (slice_eq(names[i], name))
			return (int32_t)i;
	return LANGUAGE_OTHER;
}

int32_t language_from_ordinal(int32_t ordinal)
{
	return ordinal >= 0 && (size_t)ordinal < COUNT_OF(names) ? ordinal : LANGUAGE_OTHER;
}

struct slice language_name(int32_t language) { return names[language_from_ordinal(language)]; }
