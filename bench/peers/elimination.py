"""JAX and CasADi on one scalar task: value and Jacobian of every row, f64, one thread.

usage: elimination.py FOLDER   (FOLDER holds task.json, X.npy and Z.npy); prints one JSON object a line.
JAX: jit(vmap(·)) of jacrev and jacfwd. CasADi: its generated C, compiled by gcc -O3 -march=native, in a loop over rows.
"""

import ctypes
import json
import os
import subprocess
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OMP_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])

import numpy as np

folder = sys.argv[1]
with open(f"{folder}/task.json") as file:
    task = json.load(file)
X, Z = np.load(f"{folder}/X.npy"), np.load(f"{folder}/Z.npy")


def function(math):
    """The task over arrays of `math`: one assignment a line, v0, v1, … after the inputs x0, x1, …"""
    body = "\n".join(f"    {line}" for line in task["lines"])
    source = f"def f(x):\n    {', '.join(f'x{k}' for k in range(task['inputs']))} = [x[k] for k in range({task['inputs']})]\n{body}\n    return [{', '.join(task['outputs'])}]"
    scope = {name: getattr(math, name) for name in ("sin", "cos", "sqrt")}
    scope["atan2"] = getattr(math, "atan2", None) or math.arctan2
    scope["abs"] = getattr(math, "fabs")
    exec(source, scope)
    return scope["f"]


def measure(subject, call, result, more={}):
    error = float(np.abs(result(call()) - Z).max() / np.abs(Z).max())
    times, end = [], time.perf_counter() + 1.5
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 500):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    print(json.dumps({"subject": subject, "ns_per_row": min(times) * 1e9 / len(X), "error": error, **more}), flush=True)


def bench_jax():
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    f = function(jnp)
    row = lambda x: jnp.stack(f(x))
    x = jnp.asarray(X)
    for name, mode in {"JAX jit(vmap(jacrev))": jax.jacrev, "JAX jit(vmap(jacfwd))": jax.jacfwd}.items():
        both = jax.jit(jax.vmap(lambda v, mode=mode: (row(v), mode(row)(v))))
        measure(name, lambda: jax.block_until_ready(both(x)), lambda pair: np.asarray(pair[1]))


DRIVER = """
void rows(const double* x, double* y, double* z, long n) {
  double w[%d];
  casadi_int iw[%d];
  for (long i = 0; i < n; i++) {
    const double* arg[%d] = { x + i * %d };
    double* res[%d] = { y + i * %d, z + i * %d };
    f(arg, res, iw, w, 0);
  }
}
"""


def bench_casadi():
    import casadi as ca

    d = task["inputs"]
    x = ca.SX.sym("x", d)
    y = ca.vertcat(*function(ca)([x[k] for k in range(d)]))
    outputs = len(task["outputs"])
    # Row-major entries of J, as everyone else gives them.
    f = ca.Function("f", [x], ca.cse([y, ca.densify(ca.jacobian(y, x)).T]))
    ops = [f.instruction_id(k) for k in range(f.n_instructions())]
    kinds = {"mul": (ca.OP_MUL, ca.OP_SQ), "div": (ca.OP_DIV, ca.OP_INV), "add": (ca.OP_ADD, ca.OP_SUB, ca.OP_TWICE)}
    counts = {kind: sum(op in own for op in ops) for kind, own in kinds.items()}
    counts["total"] = counts["mul"] + 4 * counts["div"] + counts["add"]
    here = os.getcwd()
    os.chdir(folder)
    f.generate("f.c", {"with_export": False})
    sizes = (max(1, f.sz_w()), max(1, f.sz_iw()), f.sz_arg(), d, f.sz_res(), outputs, outputs * d)
    with open("f.c", "a") as file:
        file.write(DRIVER % sizes)
    subprocess.run(["gcc", "-O3", "-march=native", "-shared", "-fPIC", "f.c", "-o", "f.so", "-lm"], check=True, capture_output=True)
    os.chdir(here)
    run = ctypes.CDLL(f"{folder}/f.so").rows
    data, values, jacobian = np.ascontiguousarray(X), np.empty((len(X), outputs)), np.empty(Z.shape)
    address = lambda array: ctypes.c_void_p(array.ctypes.data)

    def call():
        run(address(data), address(values), address(jacobian), ctypes.c_long(len(X)))
        return jacobian

    measure("CasADi, generated C", call, lambda z: z, counts)


for bench in (bench_jax, bench_casadi):
    try:
        bench()
    except (ImportError, FileNotFoundError) as missing:
        print(json.dumps({"missing": str(missing)}), flush=True)
