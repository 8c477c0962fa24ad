"""The libzmq side of interop.rs. Prints one line per thing that worked; dies on anything else."""
import sys
import time

import zmq

SIZES = [0, 1, 255, 256, 4000, 61440, 1048576, 4194304]


def body(size):
    return bytes(i % 251 for i in range(251)) * (size // 251) + bytes(i % 251 for i in range(size % 251))


def client(request, publish):
    """DEALER, REQ and SUB against our listener, with ZMTP heartbeats on."""
    context = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    subscriber = context.socket(zmq.SUB)
    for socket in (dealer, subscriber):
        socket.rcvtimeo = 15000
        socket.heartbeat_ivl = 100
        socket.heartbeat_timeout = 500
        socket.heartbeat_ttl = 2000
    dealer.identity = b"mallory"
    subscriber.subscribe(b"job ")
    subscriber.subscribe(b"gone")
    subscriber.unsubscribe(b"gone")
    subscriber.connect(publish)
    dealer.connect(request)
    dealer.send(b"hello")
    assert dealer.recv() == b"hello"
    for size in SIZES:
        dealer.send(body(size))
        assert dealer.recv() == body(size), size
        assert subscriber.recv() == b"job " + body(size), size
    print("sizes", flush=True)
    time.sleep(1.5)
    dealer.send_multipart([b"envelope", b"", b"last"])
    assert dealer.recv() == b"last"
    assert subscriber.recv() == b"job last"
    print("heartbeats", flush=True)
    req = context.socket(zmq.REQ)
    req.connect(request)
    req.send(b"from req")
    print("req", flush=True)
    sys.stdin.readline()
    context.destroy(linger=0)


def server():
    """ROUTER and PUB for our minion's sockets: echoes on both."""
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    publisher = context.socket(zmq.XPUB)
    router.rcvtimeo = publisher.rcvtimeo = 15000
    router.heartbeat_ivl = publisher.heartbeat_ivl = 100
    ports = [socket.bind_to_random_port("tcp://127.0.0.1") for socket in (router, publisher)]
    print(*ports, flush=True)
    assert publisher.recv() == b"\x01"
    while True:
        identity, message = router.recv_multipart()
        assert len(identity) == 16
        if message == b"stop":
            break
        router.send_multipart([identity, message])
        publisher.send(b"job " + message)
    context.destroy(linger=0)


if sys.argv[1] == "client":
    client(*sys.argv[2:])
else:
    server()
