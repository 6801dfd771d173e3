#!/usr/bin/env python3
"""Malformed, hostile and merely unusual bytes at mqnamesrv."""

import sys

sys.dont_write_bytecode = True

import servers                    # noqa: E402
import tap                        # noqa: E402
import wire_cases                 # noqa: E402
from codes import VALUES          # noqa: E402

namesrv = servers.NameServer()
wire_cases.define(lambda: namesrv, (VALUES["GET_BROKER_CLUSTER_INFO"], {}), VALUES["GET_ROUTEINFO_BY_TOPIC"])

if __name__ == "__main__":
    servers.program("mqnamesrv")
    tap.main(namesrv.start, namesrv.close)
