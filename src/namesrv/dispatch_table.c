/* Every request code that the name server answers; sorted by code. */
#include "namesrv/namesrv_core.h"

#include "remoting/headers.h"
#include "remoting/request_code.h"

#define ROUTE(code, header, handler)                                                                                             \
	{                                                                                                                        \
		code, #code, &header##_request_header_schema, 0, handler                                                         \
	}
#define ROUTE_NO_HEADER(code, handler)                                                                                           \
	{                                                                                                                        \
		code, #code, NULL, 0, handler                                                                                    \
	}

static const struct route routes[] = {
	ROUTE(PUT_KV_CONFIG, put_kv_config, namesrv_put_kv),
	ROUTE(GET_KV_CONFIG, get_kv_config, namesrv_get_kv),
	ROUTE(DELETE_KV_CONFIG, delete_kv_config, namesrv_delete_kv),
	ROUTE(REGISTER_BROKER, register_broker, namesrv_register_broker),
	ROUTE(UNREGISTER_BROKER, unregister_broker, namesrv_unregister_broker),
	ROUTE(GET_ROUTEINFO_BY_TOPIC, get_route_info, namesrv_get_route),
	ROUTE_NO_HEADER(GET_BROKER_CLUSTER_INFO, namesrv_cluster_info),
	ROUTE(WIPE_WRITE_PERM_OF_BROKER, wipe_write_perm_of_broker, namesrv_wipe_write_perm),
	ROUTE_NO_HEADER(GET_ALL_TOPIC_LIST_FROM_NAMESERVER, namesrv_all_topics),
	ROUTE(DELETE_TOPIC_IN_NAMESRV, delete_topic_from_namesrv, namesrv_delete_topic),
	ROUTE(REGISTER_TOPIC_IN_NAMESRV, register_topic, namesrv_register_topic),
	ROUTE(GET_KVLIST_BY_NAMESPACE, get_kv_list_by_namespace, namesrv_list_kv),
	ROUTE(GET_TOPICS_BY_CLUSTER, get_topics_by_cluster, namesrv_topics_by_cluster),
	ROUTE_NO_HEADER(GET_SYSTEM_TOPIC_LIST_FROM_NS, namesrv_system_topics),
	ROUTE_NO_HEADER(GET_UNIT_TOPIC_LIST, namesrv_unit_topics),
	ROUTE_NO_HEADER(GET_HAS_UNIT_SUB_TOPIC_LIST, namesrv_unit_sub_topics),
	ROUTE_NO_HEADER(GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, namesrv_unit_sub_no_unit_topics),
	ROUTE_NO_HEADER(UPDATE_NAMESRV_CONFIG, namesrv_update_config),
	ROUTE_NO_HEADER(GET_NAMESRV_CONFIG, namesrv_get_config),
	ROUTE(QUERY_DATA_VERSION, query_data_version, namesrv_query_data_version),
	ROUTE(ADD_WRITE_PERM_OF_BROKER, add_write_perm_of_broker, namesrv_add_write_perm),
	ROUTE(GET_BROKER_MEMBER_GROUP, get_broker_member_group, namesrv_member_group),
	ROUTE(BROKER_HEARTBEAT, broker_heartbeat, namesrv_broker_heartbeat),
};

const struct dispatch namesrv_dispatch = {.routes = routes, .count = COUNT_OF(routes)};
