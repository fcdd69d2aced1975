"""What Debian's docker-py does with an engine; ends with "ok" when every answer was right. Argument: an image archive."""

import io
import os
import socket as unix_socket
import sys
import tarfile
import time

import docker
import websocket
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

client = docker.from_env()


def tar_of(name, content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def expect_error(kind, status, call):
    try:
        call()
    except kind as error:
        assert status is None or error.response.status_code == status, error
    else:
        raise AssertionError(f"no {kind.__name__}")


assert client.ping() is True
assert client.version()["Os"] == "linux"
with open(sys.argv[1], "rb") as archive:
    [image] = client.images.load(archive)
assert image.tags == ["judge:1"], image.tags
expect_error(ImageNotFound, 404, lambda: client.images.get("nosuch:1"))

# Containers: run to the end, run on, look, act, remove.
run = client.containers.run
assert run("judge:1", ["echo", "hello"], remove=True) == b"hello\n"
expect_error(ContainerError, None, lambda: run("judge:1", "false", remove=True))
web = run("judge:1", ["httpd", "-f", "-h", "/www"], name="py-web", detach=True, labels={"role": "web"}, mem_limit="64m", ports={"80/tcp": None})
web.reload()
assert web.status == "running" and web.labels == {"role": "web"}
assert web.attrs["HostConfig"]["Memory"] == 64 * 1024 * 1024
assert int(web.ports["80/tcp"][0]["HostPort"]) > 0
assert [each.name for each in client.containers.list(filters={"label": "role=web"})] == ["py-web"]
assert client.containers.list(filters={"label": ["role=web", "other"]}) == []
code, (out, err) = web.exec_run(["sh", "-c", "echo out; echo err >&2; exit 3"], demux=True)
assert (code, out, err) == (3, b"out\n", b"err\n"), (code, out, err)
assert web.exec_run("id -u", user="1000").output == b"1000\n"
both = ["sh", "-c", "echo out; echo err >&2"]
assert web.exec_run(both, stderr=False).output == b"out\n"
assert web.exec_run(both, stdout=False).output == b"err\n"
socket = web.exec_run(["sh", "-c", "read line; echo got $line"], stdin=True, socket=True).output
socket._sock.sendall(b"words\n")
assert b"got words\n" in socket.read(), "exec over a socket"
assert web.put_archive("/tmp", tar_of("note", b"copied in"))
assert web.exec_run(["cat", "/tmp/note"]).output == b"copied in"

# Attached by a WebSocket: bytes without frames.
reader = run("judge:1", ["sh", "-c", "read line; echo got $line; echo wrong >&2"], stdin_open=True, detach=True)
local = unix_socket.socket(unix_socket.AF_UNIX)
local.connect(os.environ["DOCKER_HOST"].removeprefix("unix://"))
attached = websocket.create_connection(f"ws://docker/v1.42/containers/{reader.id}/attach/ws?stream=1&stdin=1&stdout=1", socket=local)
attached.send("words\n")
assert attached.recv() == b"got words\n"
attached.close()
reader.wait()
reader.remove()
stream, stat = web.get_archive("/www/index.html")
with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
    assert archive.extractfile("index.html").read() == b"hello from the test image\n"
assert stat["name"] == "index.html" and stat["size"] == 26, stat
assert {"Path": "/tmp/note", "Kind": 1} in web.diff()
assert web.top(ps_args="-eo pid,comm")["Titles"] == ["PID", "COMMAND"]
stats = web.stats(stream=False)
assert stats["memory_stats"]["limit"] == 64 * 1024 * 1024 and stats["precpu_stats"]["system_cpu_usage"] > 0
web.pause()
web.reload()
assert web.status == "paused"
web.unpause()
web.update(mem_limit="96m", memswap_limit="96m")
web.rename("py-www")
web.reload()
assert web.name == "py-www" and web.attrs["HostConfig"]["Memory"] == 96 * 1024 * 1024
expect_error(APIError, 409, lambda: web.remove())
web.kill()
assert web.wait()["StatusCode"] == 137
kept = web.commit("judge", tag="py", changes='CMD ["cat", "/tmp/note"]')
assert run(kept.id, remove=True) == b"copied in"
web.remove()
expect_error(NotFound, 404, lambda: client.containers.get("py-www"))

talker = run("judge:1", ["sh", "-c", "echo one; sleep 1; echo two >&2"], detach=True)
assert b"".join(talker.logs(stream=True, follow=True)) == b"one\ntwo\n"
assert talker.logs(stdout=False, stderr=True) == b"two\n"
assert talker.wait(condition="not-running") == {"StatusCode": 0, "Error": None} or talker.wait()["StatusCode"] == 0
talker.remove()

# Networks and volumes.
network = client.networks.create("py-net", driver="bridge", internal=True)
first = run("judge:1", ["httpd", "-f", "-h", "/www"], name="py-first", detach=True)
network.connect(first, aliases=["alias-of-first"])
assert run("judge:1", ["wget", "-qO-", "http://alias-of-first/"], network="py-net", remove=True) == b"hello from the test image\n"
network.reload()
assert [each.name for each in network.containers] == ["py-first"]
network.disconnect(first)
first.remove(force=True)
network.remove()
volume = client.volumes.create("py-vol", labels={"kept": "yes"})
mount = {"py-vol": {"bind": "/data", "mode": "rw"}}
run("judge:1", ["sh", "-c", "echo dear > /data/a"], volumes=mount, remove=True)
assert run("judge:1", ["cat", "/data/a"], volumes=mount, remove=True) == b"dear\n"
assert [each.name for each in client.volumes.list(filters={"label": "kept=yes"})] == ["py-vol"]
volume.remove()

# Build, events, tidying up.
dockerfile = b"FROM judge:1\nARG WORD\nRUN echo $WORD > /word\nCMD cat /word\n"
built, log = client.images.build(fileobj=io.BytesIO(tar_of("Dockerfile", dockerfile)), custom_context=True, tag="judge:pybuilt", buildargs={"WORD": "built"})
assert run("judge:pybuilt", remove=True) == b"built\n"
since = int(time.time())
gone = run("judge:1", "true", name="py-gone", detach=True)
gone.wait()
gone.remove()
seen = [event["Action"] for event in client.events(since=since, until=int(time.time()) + 1, filters={"container": "py-gone"}, decode=True)]
assert seen == ["create", "start", "die", "destroy"], seen
for tag in ("judge:py", "judge:pybuilt"):
    client.images.remove(tag)
assert client.containers.prune()["SpaceReclaimed"] >= 0
print("ok")
