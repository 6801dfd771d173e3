package fusee.compat;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** Stands between a server and its name server, passes every frame on, and remembers what was asked and how it was answered. */
final class Tap implements AutoCloseable {
    private static final int MAX_FRAME = 16 << 20;

    private final ServerSocket listener;
    private final int target;
    private final Collection<Socket> sockets = new ConcurrentLinkedQueue<>();
    private final Map<Integer, Collection<RemotingCommand>> requests = new ConcurrentHashMap<>();
    private final Map<Integer, Collection<RemotingCommand>> answers = new ConcurrentHashMap<>();

    /** target: a port of this machine. */
    Tap(String target) throws IOException {
        this.target = Integer.parseInt(target);
        this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        background(this::accept);
    }

    String address() {
        return "127.0.0.1:" + listener.getLocalPort();
    }

    /** Oneway requests too. */
    int requests(int code) {
        return requests.getOrDefault(code, List.of()).size();
    }

    /** The answers to a request code, oldest first. */
    List<RemotingCommand> answersTo(int code) {
        return List.copyOf(answers.getOrDefault(code, List.of()));
    }

    /** The target may be down: then the connection closes at once, as a refused one would. */
    private void accept() throws IOException {
        while (true) {
            Socket asking = listener.accept();
            sockets.add(asking);
            try {
                Socket asked = new Socket(InetAddress.getLoopbackAddress(), target);
                sockets.add(asked);
                Map<Integer, Integer> codes = new ConcurrentHashMap<>();        // by opaque
                background(() -> pass(asking, asked, codes));
                background(() -> pass(asked, asking, codes));
            } catch (IOException e) {
                asking.close();
            }
        }
    }

    private void pass(Socket from, Socket to, Map<Integer, Integer> codes) throws IOException {
        try (from; to) {
            DataInputStream in = new DataInputStream(from.getInputStream());
            DataOutputStream out = new DataOutputStream(to.getOutputStream());
            while (true) {
                int length = in.readInt();
                if (length < 0 || length > MAX_FRAME) {
                    throw new IOException("frame of " + length + " bytes");
                }
                byte[] frame = new byte[length];
                in.readFully(frame);
                remember(frame, codes);
                ByteBuffer whole = ByteBuffer.allocate(4 + length).putInt(length).put(frame);
                out.write(whole.array());
            }
        }
    }

    private void remember(byte[] frame, Map<Integer, Integer> codes) throws IOException {
        try {
            RemotingCommand command = RemotingCommand.decode(ByteBuffer.wrap(frame));
            if (!command.isResponseType()) {
                codes.put(command.getOpaque(), command.getCode());
                requests.computeIfAbsent(command.getCode(), code -> new ConcurrentLinkedQueue<>()).add(command);
            } else if (codes.containsKey(command.getOpaque())) {
                answers.computeIfAbsent(codes.get(command.getOpaque()), code -> new ConcurrentLinkedQueue<>()).add(command);
            }
        } catch (Exception e) {
            throw new IOException(e);
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void background(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException e) {
                // One of the two sides has closed.
            }
        }, "tap");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() throws IOException {
        listener.close();
        for (Socket socket : sockets) {
            socket.close();
        }
    }
}
