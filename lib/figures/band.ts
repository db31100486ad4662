/** The band around a curve: its spread or its standard error. */
import type { Trace } from './figure';
import type { Styled } from './methods';
import { translucent } from './theme';

/**
 * A translucent band between two edges. Draw it before its line: lines then lie above all bands drawn before.
 * @param of whose band it is: it vanishes with its line when the legend is clicked.
 * @param opacity of the filling, from 0 to 1.
 */
export function band(
  of: Styled<object>,
  x: readonly number[],
  low: readonly number[],
  high: readonly number[],
  opacity: number,
): Trace {
  return {
    type: 'scatter',
    mode: 'lines',
    name: of.name,
    legendgroup: of.name,
    showlegend: false,
    hoverinfo: 'skip',
    x: [...x, ...[...x].reverse()],
    y: [...high, ...[...low].reverse()],
    fill: 'toself',
    fillcolor: translucent(of.style.color, opacity),
    line: { width: 0 },
  };
}
