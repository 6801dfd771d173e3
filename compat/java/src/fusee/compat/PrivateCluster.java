package fusee.compat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/** A name server and a broker of one test's own, which it may restart, kill and reconfigure. */
final class PrivateCluster implements AutoCloseable {
    /** A JUnit resource: starting several brokers at once takes longer than one after the other. */
    static final String ONE_AT_A_TIME = "private cluster";

    private static final AtomicInteger COUNT = new AtomicInteger();

    final Server namesrv;
    final Server broker;
    final Site site;
    /** The broker's storePathRootDir. */
    final Path store;

    private PrivateCluster(Server namesrv, Server broker, Site site, Path store) {
        this.namesrv = namesrv;
        this.broker = broker;
        this.site = site;
        this.store = store;
    }

    static PrivateCluster start(Map<String, String> brokerKeys) throws IOException {
        return start(brokerKeys, "");
    }

    /** otherNamesrvs: "host:port;" of name servers that run already, before this cluster's own. */
    static PrivateCluster start(Map<String, String> brokerKeys, String otherNamesrvs) throws IOException {
        Path folder = Path.of(System.getProperty("compat.folder"), "cluster-" + COUNT.incrementAndGet());
        String namesrvPort = freePorts();
        Server namesrv = new Server("mqnamesrv", folder.resolve("namesrv"), Map.of("listenPort", namesrvPort));
        Map<String, String> keys = commonBrokerKeys();
        String brokerPort = freePorts();
        keys.put("brokerName", Site.BROKER_NAME);
        keys.put("listenPort", brokerPort);
        String namesrvs = otherNamesrvs + "127.0.0.1:" + namesrvPort;
        keys.put("namesrvAddr", namesrvs);
        keys.put("storePathRootDir", folder.resolve("store").toString());
        keys.put("storePathCommitLog", folder.resolve("store/commitlog").toString());
        keys.putAll(brokerKeys);
        Server broker = new Server("mqbroker", folder.resolve("broker"), keys);
        PrivateCluster cluster = new PrivateCluster(namesrv, broker, new Site(namesrvs, List.of("127.0.0.1:" + brokerPort)),
            folder.resolve("store"));
        try {
            namesrv.start();
            broker.start();
        } catch (IOException | RuntimeException | Error e) {
            cluster.close();
            throw e;
        }
        return cluster;
    }

    @Override
    public void close() {
        try {
            broker.close();
            namesrv.close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    static Map<String, String> commonBrokerKeys() throws IOException {
        Map<String, String> keys = new HashMap<>();
        for (String line : Files.readAllLines(Path.of(System.getProperty("compat.broker.conf")))) {
            int equals = line.indexOf('=');
            if (equals > 0 && !line.startsWith("#")) {
                keys.put(line.substring(0, equals), line.substring(equals + 1));
            }
        }
        return keys;
    }

    /** A port whose neighbours p - 2 (VIP) and p + 1 (HA) are free too, below those that the kernel hands out. */
    static String freePorts() {
        while (true) {
            int port = ThreadLocalRandom.current().nextInt(12000, 32000);
            if (isFree(port - 2) && isFree(port - 1) && isFree(port) && isFree(port + 1)) {
                return Integer.toString(port);
            }
        }
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (IOException e) {
            return false;
        }
    }
}
