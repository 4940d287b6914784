"""PyTorch (and JAX for the Hessian) on the training suite's workloads, one thread; prints one JSON object a line."""

import json
import math
import os
import time

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import torch

torch.set_num_threads(1)
torch.manual_seed(0)


def show(workload, subject, **metrics):
    print(json.dumps({"workload": workload, "subject": subject, "metrics": metrics}), flush=True)


def timed(step, count):
    """The median and the least of so many calls, in seconds."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return sorted(times)[count // 2], min(times)


class Cosine(torch.nn.Module):
    def forward(self, x):
        return torch.cos(x)


def sine(name, activation):
    net = torch.nn.Sequential(torch.nn.Linear(1, 128), activation, torch.nn.Linear(128, 1))
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, amsgrad=True, weight_decay=1e-6)
    x = math.pi * (2 * torch.rand(25600, 1) - 1)
    y, slope = torch.sin(x), torch.cos(x)

    def epoch():
        order = torch.randperm(25600)
        for start in range(0, 25600, 256):
            rows = order[start : start + 256]
            at = x[rows].requires_grad_(True)
            value = net(at)
            (found,) = torch.autograd.grad(value.sum(), at, create_graph=True)
            loss = ((value - y[rows]) ** 2).mean() + ((found - slope[rows]) ** 2).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()

    epoch()
    median, least = timed(epoch, 9)
    show(f"1-128-1 {name}, f and ∂f, 25600 rows", "PyTorch", ms_per_epoch=median * 1e3, min_ms=least * 1e3, us_per_step=median * 1e4)


def lagrangian():
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 64), torch.nn.Softplus(), torch.nn.Linear(64, 64), torch.nn.Softplus(), torch.nn.Linear(64, 4)
    )
    adam = torch.optim.Adam(net.parameters())
    q, v, a, torque = (torch.randn(512, 2) for _ in range(4))

    def energies(angles):
        y = net(torch.cat([torch.sin(angles), torch.cos(angles)], 1))
        zero = torch.zeros_like(y[:, 0])
        diagonal = torch.nn.functional.softplus(y[:, (0, 2)])
        lower = torch.stack([torch.stack([diagonal[:, 0], zero], 1), torch.stack([y[:, 1], diagonal[:, 1]], 1)], 1)
        return lower @ lower.transpose(1, 2), 10 * y[:, 3]

    def torques(angles):
        angles = angles.requires_grad_(True)
        mass, potential = energies(angles)
        momentum = (mass @ v.unsqueeze(2)).squeeze(2)
        rows = [torch.autograd.grad(momentum[:, i].sum(), angles, create_graph=True)[0] for i in range(2)]
        kinetic = 0.5 * (v * momentum).sum(1) - potential
        (slope,) = torch.autograd.grad(kinetic.sum(), angles, create_graph=True)
        return (mass @ a.unsqueeze(2)).squeeze(2) + (torch.stack(rows, 1) @ v.unsqueeze(2)).squeeze(2) - slope

    def step():
        loss = ((torques(q.clone()) - torque) ** 2).sum(1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()

    for _ in range(20):
        step()
    median, least = timed(step, 200)
    show("DeLaN 2×64, training step, n = 512", "PyTorch", us_per_step=median * 1e6, min_us=least * 1e6)


def hessians():
    import jax
    import jax.numpy as jnp

    sizes = [3, 64, 64, 2]
    keys = jax.random.split(jax.random.PRNGKey(0), 3)
    weights = [jax.random.normal(k, (o, i)) / math.sqrt(i) for k, i, o in zip(keys, sizes, sizes[1:])]

    def net(x):
        return weights[2] @ jnp.tanh(weights[1] @ jnp.tanh(weights[0] @ x))

    x = jax.random.normal(keys[0], (4096, 3))
    ways = {
        "JAX hessian (fwd of rev)": jax.jacfwd(jax.jacrev(net)),
        "JAX jacfwd(jacfwd)": jax.jacfwd(jax.jacfwd(net)),
        "JAX jacrev(jacfwd)": jax.jacrev(jax.jacfwd(net)),
    }
    for name, way in ways.items():
        run = jax.jit(jax.vmap(way))
        run(x).block_until_ready()
        median, least = timed(lambda: run(x).block_until_ready(), 40)
        show("3-64-64-2, Hessian, n = 4096", name, ms=median * 1e3, min_ms=least * 1e3)


for name, activation in (("softplus", torch.nn.Softplus()), ("tanh", torch.nn.Tanh()), ("cosine", Cosine())):
    sine(name, activation)
lagrangian()
try:
    hessians()
except ImportError:
    pass
