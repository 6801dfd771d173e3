package fusee.compat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** One server process of the target under test, started with a configuration file in a folder of its own. It can be stopped, killed and started again. */
final class Server implements AutoCloseable {
    /** Apache's take 3 s on an idle machine, a minute on a busy one. */
    private static final Duration BOOT = Duration.ofSeconds(120);

    private final Path program;
    private final Path folder;
    private final Path config;
    private final String[] options;
    private volatile Process process;
    private int starts;

    /** options: more of the command line, after "-c FILE". */
    Server(String name, Path folder, Map<String, String> keys, String... options) throws IOException {
        this(Path.of(System.getProperty("compat.programs"), name), folder, keys, options);
    }

    /** One of Apache's own, whatever the target is; versions: what compat/run has made ready. */
    static Server apache(String version, String name, Path folder, Map<String, String> keys) throws IOException {
        return new Server(Path.of(System.getProperty("compat.apache") + version, name), folder, keys);
    }

    private Server(Path program, Path folder, Map<String, String> keys, String... options) throws IOException {
        this.program = program;
        this.folder = folder;
        this.config = folder.resolve("conf");
        this.options = options;
        Files.createDirectories(folder);
        StringBuilder text = new StringBuilder();
        new TreeMap<>(keys).forEach((key, value) -> text.append(key).append('=').append(value).append('\n'));
        Files.writeString(config, text);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            if (process != null) {
                process.destroyForcibly();
            }
        }));
    }

    void start() throws IOException {
        File out = folder.resolve("stdout." + ++starts).toFile();
        ProcessBuilder builder = new ProcessBuilder(new ArrayList<>(List.of(program.toString(), "-c", config.toString())));
        builder.command().addAll(List.of(options));
        builder.directory(folder.toFile()).redirectErrorStream(true).redirectOutput(out);
        builder.environment().put("HOME", folder.toString());
        process = builder.start();
        Wait.until(() -> program + " says 'boot success': " + read(out), BOOT, () -> {
            if (read(out).contains("boot success")) {
                return true;
            }
            if (!process.isAlive()) {
                throw new IllegalStateException("exit code " + process.exitValue());
            }
            return false;
        });
    }

    /** As an operator does: SIGTERM, and wait for the orderly end. */
    void stop() throws InterruptedException {
        process.destroy();
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            kill();
            throw new AssertionError(program + " did not end within 60 s of SIGTERM");
        }
    }

    /** kill -9. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** It neither runs nor ends; its connections stay open. */
    void freeze() throws IOException, InterruptedException {
        if (new ProcessBuilder("kill", "-STOP", Long.toString(process.pid())).start().waitFor() != 0) {
            throw new IOException("kill -STOP of " + program + " failed");
        }
    }

    @Override
    public void close() throws InterruptedException {
        if (process != null && process.isAlive()) {
            kill();
        }
    }

    /** Without what Apache's logging says about itself. */
    private static String read(File file) {
        try (Stream<String> lines = Files.lines(file.toPath())) {
            return lines.filter(line -> !line.contains("|-INFO in ")).collect(Collectors.joining("\n"));
        } catch (IOException e) {
            return e.toString();
        }
    }
}
