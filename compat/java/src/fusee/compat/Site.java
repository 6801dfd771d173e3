package fusee.compat;

import java.util.List;

/** A name server and its brokers: where clients connect to. */
record Site(String namesrv, List<String> brokers) {
    static final String CLUSTER = "compat";
    static final String BROKER_NAME = "broker-a";

    /** The one that compat/run started for all tests; nobody stops or reconfigures it. */
    static final Site SHARED = new Site(System.getProperty("compat.namesrv"), List.of(System.getProperty("compat.brokers").split(",")));

    String broker() {
        return brokers.get(0);
    }
}
