import { add, linear, matmul } from "../../../src/graph/mod.ts";
import { checkOp, frozen, normal } from "../check_op.ts";

interface Sizes {
  B?: number;
  M: number;
  N: number;
  K: number;
  transA?: boolean;
  transB?: boolean;
}

function product(a: Float64Array, b: Float64Array, { B = 1, M, N, K, transA, transB }: Sizes): Float64Array {
  const y = new Float64Array(B * M * N);
  for (let s = 0; s < B; s++) {
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let total = 0;
        for (let k = 0; k < K; k++) {
          total += a[s * M * K + (transA ? k * M + m : m * K + k)] *
            b[s * K * N + (transB ? n * K + k : k * N + n)];
        }
        y[(s * M + m) * N + n] = total;
      }
    }
  }
  return y;
}

const cases: Sizes[] = [];
for (const transA of [false, true]) {
  for (const transB of [false, true]) {
    cases.push({ M: 5, N: 7, K: 3, transA, transB }, { B: 3, M: 9, N: 4, K: 17, transA, transB });
    cases.push({ M: 64, N: 48, K: 33, transA, transB });
  }
}
cases.push({ M: 1, N: 1, K: 1 }, { M: 40, N: 4, K: 64, transB: true }, { M: 40, N: 64, K: 4, transB: true });
cases.push({ M: 4, N: 64, K: 200, transA: true }, { M: 1, N: 130, K: 70, transB: true }, {
  B: 2,
  M: 1,
  N: 5,
  K: 1,
});

const shapeOf = (B: number | undefined, rows: number, columns: number) => [...(B ? [B] : []), rows, columns];

for (const c of cases) {
  const { B, M, N, K, transA, transB } = c;
  checkOp(`matmul() ${JSON.stringify(c)}`, {
    operands: [
      normal(transA ? shapeOf(B, K, M) : shapeOf(B, M, K), 1),
      normal(transB ? shapeOf(B, N, K) : shapeOf(B, K, N), 2),
    ],
    build: (a, b) => matmul(a, b, c),
    reference: (a, b) => product(a, b, c),
  });
}

// Large enough for every block size of the GPU's kernels, with edges.
for (const [transA, transB] of [[false, false], [false, true], [true, false]]) {
  for (const [M, N] of [[264, 64], [264, 264], [120, 264]]) {
    const c = { M, N, K: 72, transA, transB };
    checkOp(`matmul() in large blocks ${JSON.stringify(c)}`, {
      operands: [
        normal(transA ? [c.K, c.M] : [c.M, c.K], 1),
        normal(transB ? [N, c.K] : [c.K, N], 2),
        normal([c.M, N], 3),
      ],
      build: (a, b, r) => add(matmul(a, b, c), r),
      reference: (a, b, r) => product(a, b, c).map((v, i) => v + r[i]),
      gradient: false,
    });
  }
}

for (const pack of [false, true]) {
  const sizes = { M: 21, N: 70, K: 33, transB: true };
  const w = normal([70, 33], 2), b = normal([70], 3);
  checkOp(`linear() with bias and a residual, weights ${pack ? "frozen" : "trainable"}`, {
    operands: [normal([3, 7, 33]), pack ? frozen(w) : w, pack ? frozen(b) : b, normal([3, 7, 70], 4)],
    build: (x, w, b, r) => add(linear(x, w, b), r),
    reference: (x, w, b, r) => product(x, w, sizes).map((v, i) => v + b[i % 70] + r[i]),
  });
}

// A layer and its LoRA: both products in one instruction, also in the gradient by x. Ranks within one tile of K, of
// several, and of no whole chunks.
for (
  const [rank, rows, residual] of [[16, 264, true], [4, 40, false], [70, 40, true], [1, 3, false]] as const
) {
  const [N, K] = [136, 72], by = { M: rows, N, transB: true };
  const layer = [[rows, K], [N, K], [N], [rank, K], [N, rank], ...residual ? [[rows, N]] : []];
  checkOp(`a layer with a LoRA of rank ${rank}${residual ? " and a residual" : ""}`, {
    operands: layer.map((shape, i) => {
      const { values } = normal(shape, i);
      return i === 4 ? { shape, values: (values as Float32Array).map((v) => v / 8) } : { shape, values };
    }),
    build: (x, w, b, down, up, r) => {
      const y = add(linear(x, w, b), linear(linear(x, down), up));
      return r ? add(y, r) : y;
    },
    reference: (x, w, b, down, up, r) => {
      const more = product(product(x, down, { M: rows, N: rank, K, transB: true }), up, { ...by, K: rank });
      return product(x, w, { ...by, K }).map((v, i) => v + b[i % N] + more[i] + (r?.[i] ?? 0));
    },
    gradient: rows < 100,
  });
}
