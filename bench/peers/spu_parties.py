"""One workload on SecretFlow SPU: three processes over loopback TCP (brpc), ABY3, FM64, 18 fraction bits.

Prints one line of JSON: the slowest party's time from shared inputs to shared outputs, and the largest party's memory.
"""

import json
import multiprocessing
import resource
import socket
import sys
import time

import numpy as np

PARTIES = 3
FEATURES, BATCH, EPOCHS, STEP = 20, 128, 5, 0.25


def inputs(name, rows):
    """The arrays of a workload, the function of them, and the largest relative and absolute error that is right."""
    import jax
    import jax.numpy as jnp

    random = np.random.default_rng(7)
    reals = lambda low, high: random.uniform(low, high, rows).astype(np.float32)
    integers = lambda bits: random.integers(0, 1 << bits, rows, dtype=np.int64)
    if name == "mul":
        return [integers(31), integers(31)], lambda x, y: x * y, lambda x, y: x * y, (0, 0)
    if name == "less-than":
        return [integers(61), integers(61)], lambda x, y: x < y, lambda x, y: x < y, (0, 0)
    if name == "equal":
        x = integers(61)
        y = np.where(np.arange(rows) % 8 == 0, x, integers(61))
        return [x, y], lambda x, y: x == y, lambda x, y: x == y, (0, 0)
    if name == "matmul":
        x = random.uniform(-1, 1, (rows, rows)).astype(np.float32)
        return [x, x], jnp.matmul, np.matmul, (0, 0.05)
    if name == "divide":
        return [reals(0, 1000), reals(1, 1000)], lambda x, y: x / y, lambda x, y: x / y, (1e-2, 1e-2)
    if name == "square-root":
        return [reals(1, 1000)], jnp.sqrt, np.sqrt, (1e-2, 1e-2)
    if name == "exp":
        # By default SPU computes (1 + x / 2^8)^(2^8), which is off by an eighth for x = 8.
        return [reals(-2, 8)], jnp.exp, np.exp, (0.15, 1e-2)
    if name == "sigmoid":
        exact = lambda x: 1 / (1 + np.exp(-x))
        return [reals(-4, 12)], lambda x: 1 / (1 + jnp.exp(-x)), exact, (0, 1e-2)
    if name == "mean-variance":
        moments = lambda lib: lambda x: lib.stack([lib.mean(x), lib.var(x)])
        return [reals(0, 4)], moments(jnp), moments(np), (0, 0.1)
    if name == "sort":
        keys = integers(32)
        order = lambda x, y: jax.lax.sort([x, y], num_keys=1)[1]
        return [keys, integers(40)], order, lambda x, y: y[np.argsort(x, kind="stable")], (0, 0)
    if name == "logistic-regression":
        x = random.uniform(-1, 1, (rows, FEATURES)).astype(np.float32)
        y = (x @ (np.arange(FEATURES) - 9.0) > 0).astype(np.float32)
        return [x, y], lambda x, y: train(jnp, x, y), lambda x, y: train(np, x, y), (0, 0.1)
    sys.exit(f"no workload `{name}`")


def train(lib, x, y):
    """Batches of 128, the last one short, five times over; for SPU an epoch's full batches are a loop of the program."""
    logistic = lambda z: 1 / (1 + lib.exp(-z))
    stepped = lambda w, xs, ys: w - STEP / xs.shape[0] * (xs.T @ (logistic(xs @ w) - ys))
    w = lib.zeros(FEATURES, dtype=lib.float32)
    full = x.shape[0] // BATCH
    for _ in range(EPOCHS):
        if lib is np:
            for first in range(0, full * BATCH, BATCH):
                w = stepped(w, x[first : first + BATCH], y[first : first + BATCH])
        else:
            import jax

            xs = x[: full * BATCH].reshape(full, BATCH, FEATURES)
            ys = y[: full * BATCH].reshape(full, BATCH)
            w = jax.lax.fori_loop(0, full, lambda i, w: stepped(w, xs[i], ys[i]), w)
        if full * BATCH < x.shape[0]:
            w = stepped(w, x[full * BATCH :], y[full * BATCH :])
    return w


def config():
    from spu import libspu

    return libspu.RuntimeConfig(
        protocol=libspu.ProtocolKind.ABY3, field=libspu.FieldType.FM64, fxp_fraction_bits=18
    )


def party(rank, ports, executable, shares, results):
    from spu import api, libspu

    description = libspu.link.Desc()
    description.recv_timeout_ms = 600_000
    for peer, port in enumerate(ports):
        description.add_party(f"party-{peer}", f"127.0.0.1:{port}")
    link = libspu.link.create_brpc(description, rank)
    runtime = api.Runtime(link, config())
    program = libspu.Executable()
    program.ParseFromString(executable)
    for variable, share in zip(program.input_names, shares):
        runtime.set_var(variable, share)
    started = time.perf_counter()
    runtime.run(program)
    took = time.perf_counter() - started
    out = runtime.get_var(program.output_names[0])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    results.put((rank, took, memory, out))
    link.stop_link()


def main():
    import jax

    jax.config.update("jax_enable_x64", True)
    from spu import api, libspu
    from spu.utils import frontend

    name, rows = sys.argv[1], int(sys.argv[2])
    arrays, function, exact, (relative, absolute) = inputs(name, rows)
    secret = [libspu.Visibility.VIS_SECRET] * len(arrays)
    names = [f"in{place}" for place in range(len(arrays))]
    program, _ = frontend.compile(
        frontend.Kind.JAX, function, arrays, {}, names, secret, lambda outputs: [f"out{place}" for place in range(len(outputs))]
    )
    io = api.Io(PARTIES, config())
    shared = [io.make_shares(array, libspu.Visibility.VIS_SECRET) for array in arrays]
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(PARTIES)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    serialized = program.SerializeToString()
    parties = [
        context.Process(target=party, args=(rank, ports, serialized, [shares[rank] for shares in shared], results))
        for rank in range(PARTIES)
    ]
    for each in parties:
        each.start()
    reports = sorted((results.get(timeout=900) for _ in parties), key=lambda report: report[0])
    for each in parties:
        each.join(30)
    found = np.asarray(io.reconstruct([report[3] for report in reports]), dtype=np.float64)
    right = np.asarray(exact(*arrays), dtype=np.float64)
    if not np.all(np.abs(found - right) <= relative * np.abs(right) + absolute):
        sys.exit(f"SPU computed `{name}` wrongly: off by up to {np.max(np.abs(found - right))}")
    print(json.dumps({"seconds": max(r[1] for r in reports), "memory_bytes_max": max(r[2] for r in reports)}))


if __name__ == "__main__":
    main()
