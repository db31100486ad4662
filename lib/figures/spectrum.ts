/** Spectral density of the Hessian. */
import { band } from './band';
import { axis, compose, type FigureOptions } from './compose';
import type { AxisOptions, Figure, Numbers, Trace } from './figure';
import { type MethodLabel, styled } from './methods';
import { translucent } from './theme';

/** The spectrum at one method's weights. */
export interface SpectrumSeries extends MethodLabel {
  /** Places on the axis of eigenvalues, ascending. */
  lambda: Numbers;
  /** Density at each place; zero and less is left out of the logarithmic axis. */
  density: Numbers;
  /** Standard error of the density at each place, drawn as a band. Default: none. */
  standardError?: Numbers;
  /** Eigenvalues known one by one (the largest), drawn as marks at the bottom. Default: none. */
  top?: Numbers;
}

/** Options of `spectrum`. */
export interface SpectrumOptions extends FigureOptions {
  /** The spectra that are compared. */
  series: readonly SpectrumSeries[];
  /** Default: Eigenvalue of the Hessian. */
  x?: AxisOptions;
  /** Default: Density, logarithmic, six decades below the highest. */
  y?: AxisOptions;
}

/** Density of the Hessian's eigenvalues; the largest as marks at the bottom. With standard errors, a band. */
export function spectrum(options: SpectrumOptions): Figure {
  const highest = Math.max(1e-300, ...options.series.flatMap((series) => Array.from(series.density)));
  const floor = highest * 1e-6;
  const x = { title: 'Eigenvalue of the Hessian λ', ...options.x };
  const y = { title: 'Density', log: true, range: [floor, highest * 3] as const, ...options.y };
  const data = styled(options.series).flatMap((series): Trace[] => {
    const { name, style } = series;
    const lambda = Array.from(series.lambda);
    const line: Trace = {
      type: 'scatter',
      mode: 'lines',
      name,
      legendgroup: name,
      x: lambda,
      y: Array.from(series.density, (value) => (value > 0 ? value : null)),
      line: { color: style.color, dash: style.dash, width: 2 },
      ...(series.standardError ? {} : { fill: 'tozeroy', fillcolor: translucent(style.color, 0.07) }),
      hovertemplate: `λ %{x:.4~g}<br>density %{y:.2~e}<extra>${name}</extra>`,
    };
    const edge = (sign: number) =>
      Array.from(series.density, (value, i) =>
        Math.max(floor, value + sign * (series.standardError?.[i] ?? 0)),
      );
    const lines = series.standardError ? [band(series, lambda, edge(-1), edge(1), 0.18), line] : [line];
    const top = Array.from(series.top ?? []);
    if (top.length === 0) return lines;
    const marks: Trace = {
      type: 'scatter',
      mode: 'markers',
      name,
      legendgroup: name,
      showlegend: false,
      x: top,
      y: top.map(() => floor * 2),
      marker: { symbol: 'line-ns', size: 14, line: { width: 2, color: style.color } },
      hovertemplate: `λ %{x:.4~g}<extra>${name}</extra>`,
    };
    return [...lines, marks];
  });
  return compose({ data, xaxis: axis(x), yaxis: axis(y) }, options, { title: 'Spectrum of the Hessian' });
}
