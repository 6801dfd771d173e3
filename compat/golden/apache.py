"""Apache RocketMQ's own jars, name server and broker, fetched with Maven and started on free ports."""

import os
import pathlib
import shutil
import socket
import subprocess
import time

GROUP = "org.apache.rocketmq"
SETS = {
    "servers": ("rocketmq-namesrv", "rocketmq-broker"),
    "clients": ("rocketmq-client", "rocketmq-tools"),
}
JDK_FLAGS = ["--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED", "--add-opens=java.base/java.nio=ALL-UNNAMED",
             "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED"]
LOGBACK = "<configuration><root level=\"OFF\"/></configuration>\n"


def jars(work, kind, version):
    """The folder of jars of one set and version below `work`; fetched when it is not there."""
    folder = pathlib.Path(work, "jars", f"{kind}-{version}")
    lib = folder / "lib"
    if (folder / "complete").exists():
        return lib
    folder.mkdir(parents=True, exist_ok=True)
    dependencies = "".join(
        f"<dependency><groupId>{GROUP}</groupId><artifactId>{a}</artifactId><version>{version}</version></dependency>"
        for a in SETS[kind])
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<groupId>fusee</groupId><artifactId>{kind}</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>\n")
    subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib",
                    "-DincludeScope=runtime"], cwd=folder, check=True)
    (folder / "complete").touch()
    return lib


def free_port(count=1):
    """The first of `count` neighbouring ports that are free on every local address."""
    while True:
        with socket.socket() as s:
            s.bind(("0.0.0.0", 0))
            base = s.getsockname()[1]
        if base + count < 60000 and all(_is_free(base + i) for i in range(count)):
            return base


def _is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


class Server:
    """One JVM that runs until stop() or kill()."""

    def __init__(self, name, home, command):
        self.name = name
        self.log = pathlib.Path(home, f"{name}.out")
        with open(self.log, "wb") as out:
            environment = dict(os.environ, ROCKETMQ_HOME=str(home))
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=home)

    def wait_ready(self, timeout=90):
        deadline = time.monotonic() + timeout
        while b"boot success" not in self.log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()}")
            time.sleep(0.1)
        return self

    def stop(self):
        """SIGTERM: the shutdown hooks run, so that the store is closed and the broker unregisters."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()


def _home(home):
    conf = pathlib.Path(home, "conf")
    conf.mkdir(parents=True, exist_ok=True)
    for name in ("namesrv", "broker", "tools"):
        (conf / f"logback_{name}.xml").write_text(LOGBACK)
    return pathlib.Path(home)


def _start(name, main, work, version, home, properties, jvm, arguments):
    home = _home(home)
    conf = home / f"{name}.conf"
    conf.write_text("".join(f"{k}={v}\n" for k, v in properties.items()))
    lib = jars(work, "servers", version)
    command = ["java", "-Xms128m", "-Xmx512m", "-XX:MaxDirectMemorySize=512m", "-XX:+UseSerialGC",
               f"-Duser.home={home}", *JDK_FLAGS, *jvm, "-cp", f"{home}/conf:{lib}/*", main, "-c", str(conf), *arguments]
    return Server(name, home, command).wait_ready()


def name_server(work, version, home, properties, jvm=()):
    return _start("namesrv", "org.apache.rocketmq.namesrv.NamesrvStartup", work, version, home, properties, jvm, [])


def broker(work, version, home, properties, namesrv, jvm=()):
    return _start("broker", "org.apache.rocketmq.broker.BrokerStartup", work, version, home, properties, jvm,
                  ["-n", namesrv])


def compile_java(work, version, source, out):
    """Compiles one Java file against a client line; returns the class path.

    The sources are written for 5.x; between 4.x and 5.x classes moved, and only that is changed here."""
    lib = jars(work, "clients", version)
    out = pathlib.Path(out)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    text = pathlib.Path(source).read_text()
    if version.startswith("4."):
        text = text.replace("org.apache.rocketmq.remoting.protocol.subscription.", "org.apache.rocketmq.common.subscription.")
        text = text.replace("org.apache.rocketmq.remoting.protocol.", "org.apache.rocketmq.common.protocol.")
    copy = out / pathlib.Path(source).name
    copy.write_text(text)
    subprocess.run(["javac", "-nowarn", "-cp", f"{lib}/*", "-d", str(out), str(copy)], check=True)
    return f"{out}:{lib}/*"
