#!/usr/bin/env python3
"""Malformed, hostile and merely unusual bytes at mqbroker."""

import sys

sys.dont_write_bytecode = True

import servers                    # noqa: E402
import tap                        # noqa: E402
import wire_cases                 # noqa: E402
from codes import VALUES          # noqa: E402

namesrv = servers.NameServer()
broker = servers.Broker(namesrv)
wire_cases.define(lambda: broker, (VALUES["GET_MAX_OFFSET"], {"topic": "TBW102", "queueId": 0}), VALUES["GET_MAX_OFFSET"])


def start():
    namesrv.start()
    broker.start()


def close():
    broker.close()
    namesrv.close()


if __name__ == "__main__":
    servers.program("mqnamesrv")
    servers.program("mqbroker")
    tap.main(start, close)
