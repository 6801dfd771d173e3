/* headers: the tables of headers.h as constant rows, and the index of each, built once before main(). */
#include "remoting/headers.h"

#include "base/defs.h"

#define FIELD_TYPE_string FIELD_STRING
#define FIELD_TYPE_i32 FIELD_I32
#define FIELD_TYPE_i64 FIELD_I64
#define FIELD_TYPE_boolean FIELD_BOOL

#define FIELD_ROW(S, type, field, wire, required)                                                                                \
	{wire, sizeof(wire) - 1, FIELD_TYPE_##type, (required) != 0, offsetof(struct S, field), ",\"" wire "\":\""},

#define SCHEMA(table, struct_name, schema_name, apache)                                                                          \
	static const struct field rows_of_##schema_name[] = {table(FIELD_ROW, struct_name)};                                     \
	static uint8_t index_of_##schema_name[SCHEMA_INDEX_SLOTS];                                                               \
	_Static_assert(COUNT_OF(rows_of_##schema_name) <= SCHEMA_INDEX_SLOTS / 2, "the index must keep free slots");             \
	const struct schema schema_name##_schema = {apache, rows_of_##schema_name, COUNT_OF(rows_of_##schema_name),              \
						    sizeof(struct struct_name), index_of_##schema_name};
#define SCHEMA_OF_HEADER(table, name, apache) SCHEMA(table, name, name, apache)

HEADER_LIST(SCHEMA_OF_HEADER)
SCHEMA(SEND_MESSAGE_REQUEST_HEADER_V2, send_message_request_header, send_message_request_header_v2, "SendMessageRequestHeaderV2")

#define SCHEMA_ADDRESS(table, name, apache) &name##_schema,
const struct schema *const header_schemas[] = {&send_message_request_header_v2_schema, HEADER_LIST(SCHEMA_ADDRESS)};
const size_t header_schema_count = COUNT_OF(header_schemas);

/* Before main(), so that the tables are constant for every thread. (A string's bytes are no constant expression in C, or the
 * compiler could do it.) */
#define FILL_INDEX(table, name, apache) schema_fill_index(&name##_schema, index_of_##name);
__attribute__((constructor)) static void fill_indexes(void)
{
	HEADER_LIST(FILL_INDEX)
	schema_fill_index(&send_message_request_header_v2_schema, index_of_send_message_request_header_v2);
}
