/** Loss at growing distance from the weights: how fast it rises says how sharp the minimum is. */
import type { FigureOptions } from './compose';
import { curves } from './curves';
import type { AxisOptions, Figure, Numbers } from './figure';
import type { MethodLabel } from './methods';

/** One method's loss at each radius. */
export interface PerturbationSeries extends MethodLabel {
  /** Radii of the perturbation, in units of the weights' norm (L2 over all perturbed weights). */
  rho: Numbers;
  /** Loss (or loss rise) at each radius, one row per seed. */
  loss: readonly Numbers[];
}

/** Options of `perturbationCurve`. */
export interface PerturbationCurveOptions extends FigureOptions {
  /** The methods that are compared: one line each. */
  series: readonly PerturbationSeries[];
  /** Default: Perturbation radius ρ. */
  x?: AxisOptions;
  /** Default: Loss. */
  y?: AxisOptions;
}

/** Loss against the radius of a perturbation of the weights: mean over seeds, band of one deviation. */
export function perturbationCurve(options: PerturbationCurveOptions): Figure {
  return curves({
    title: 'Loss at growing perturbation radius',
    ...options,
    series: options.series.map(({ rho, loss, ...method }) => ({ ...method, x: rho, runs: loss })),
    x: { title: 'Perturbation radius ρ', ...options.x },
    y: { title: 'Loss', ...options.y },
  });
}
