/**
 * The schema of the golden files (`lookbehind-golden/1`), and how a replayed number is compared with a
 * recorded one.
 */
import { readFileSync } from 'node:fs';

export type Values = Record<string, number[]>;

export interface GoldenParameter {
  name: string;
  adaptive: boolean;
  shape: number[];
  values: number[];
}

export interface GoldenBuffer {
  name: string;
  shape: number[];
  values: number[];
}

export interface GoldenLayer {
  type: string;
  name?: string;
  units?: number;
  filters?: number;
  kernelSize?: [number, number];
  strides?: [number, number];
  padding?: [[number, number], [number, number]];
  useBias?: boolean;
  epsilon?: number;
  momentum?: number;
  fn?: 'relu' | 'tanh';
}

export interface GoldenModel {
  kind: string;
  a?: number;
  b?: number | number[];
  A?: number[][];
  flat?: number;
  inputShape?: number[];
  layers?: GoldenLayer[];
}

export interface GoldenInner {
  loss: number;
  gradNorm: number;
  scaledGradNorm?: number;
  perturbed?: Values;
  lossPerturbed?: number;
  descentGradNorm?: number;
  fast?: Values;
  buffers?: Values;
}

export interface GoldenStep {
  inner: GoldenInner[];
  lossPerturbed?: number;
  descentGradNorm?: number;
  alpha?: Record<string, number>;
  slow: Values;
  buffers?: Values;
}

export interface GoldenTrajectory {
  schema: string;
  id: string;
  kind: 'trajectory';
  dtype: 'float64' | 'float32';
  model: GoldenModel;
  parameters: GoldenParameter[];
  buffers: GoldenBuffer[];
  data: { count: number; inputs: number[]; labels: number[] } | null;
  settings: {
    algorithm: string;
    rho: number | null;
    eta: number | null;
    k: number;
    alpha: number | 'adaptive' | null;
    optimizer: {
      type: string;
      lr: number;
      momentum: number;
      dampening: number;
      weightDecay: number;
      nesterov: boolean;
    };
    batchMode: 'same' | 'fresh' | null;
    outerSteps: number;
  };
  batches: number[][][] | null;
  firstGradients: { ascentGradient?: Values; descentGradient?: Values };
  steps: GoldenStep[];
  final: { momentum?: Values; evalLoss: number; evalAccuracy?: number };
}

/** Largest allowed deviation by kind of number, in the measure |a - b| / max(1, |b|). */
const TOLERANCES: Record<string, number> = {
  weights: 2e-5,
  losses: 2e-5,
  alpha: 2e-5,
  buffers: 2e-5,
  gradients: 1e-4,
  gradNorms: 1e-4,
  accuracy: 0,
};

/** Collects the worst deviation of each kind of number. */
export class Deviations {
  /** Worst deviation by kind. */
  readonly worst: Record<string, number> = {};
  /** How many numbers were compared. */
  count = 0;

  constructor(private readonly tolerances: Record<string, number> = TOLERANCES) {}

  /** Compares `actual` with `expected`, number by number. */
  compare(kind: string, actual: ArrayLike<number> | number, expected: ArrayLike<number> | number): void {
    const a = typeof actual === 'number' ? [actual] : actual;
    const b = typeof expected === 'number' ? [expected] : expected;
    if (a.length !== b.length) throw new Error(`${kind}: ${a.length} numbers in place of ${b.length}`);
    for (let i = 0; i < b.length; i++) {
      const deviation = Math.abs(a[i] - b[i]) / Math.max(1, Math.abs(b[i]));
      this.worst[kind] = Math.max(
        this.worst[kind] ?? 0,
        Number.isNaN(deviation) ? Number.POSITIVE_INFINITY : deviation,
      );
      this.count++;
    }
  }

  /** Whether every kind is within its tolerance. */
  get passed(): boolean {
    return (
      this.count > 0 && Object.entries(this.worst).every(([kind, worst]) => worst <= this.tolerances[kind])
    );
  }

  /** One line: the worst deviation of each kind, marked where it is too large. */
  toString(): string {
    return Object.entries(this.worst)
      .map(
        ([kind, worst]) =>
          `${kind} ${worst.toExponential(1)}${worst <= this.tolerances[kind] ? '' : ' (too large)'}`,
      )
      .join(', ');
  }
}

/** Reads a golden file. */
export function readGolden(path: string): { kind: string; id?: string } {
  return JSON.parse(readFileSync(path, 'utf8')) as { kind: string; id?: string };
}
