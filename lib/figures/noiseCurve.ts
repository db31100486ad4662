/** Accuracy under growing noise on the weights. */
import type { FigureOptions } from './compose';
import { curves } from './curves';
import type { AxisOptions, Figure, Numbers } from './figure';
import type { MethodLabel } from './methods';

/** One method's accuracy at each noise level. */
export interface NoiseSeries extends MethodLabel {
  /** Noise levels. */
  sigma: Numbers;
  /** Accuracy in percent at each level, one row per seed (averaged over that seed's noise draws). */
  accuracy: readonly Numbers[];
}

/** Options of `noiseCurve`. */
export interface NoiseCurveOptions extends FigureOptions {
  /** The methods that are compared: one line each. */
  series: readonly NoiseSeries[];
  /** Default: Noise level σ. Other noise models give their own: bits, bit-error rate, time in s. */
  x?: AxisOptions;
  /** Default: Accuracy (%). Give another title for the accuracy drop. */
  y?: AxisOptions;
}

/** Accuracy against the level of the weight noise, mean over seeds with a band of one standard deviation. */
export function noiseCurve(options: NoiseCurveOptions): Figure {
  return curves({
    title: 'Accuracy under weight noise',
    ...options,
    series: options.series.map(({ sigma, accuracy, ...method }) => ({ ...method, x: sigma, runs: accuracy })),
    x: { title: 'Noise level σ', ...options.x },
    y: { title: 'Accuracy', unit: '%', ...options.y },
  });
}
