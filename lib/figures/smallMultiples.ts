/** A figure of many series as many small ones: in each, one series in its color over all others in gray. */
import type { Figure, Trace } from './figure';
import { type PanelsOptions, panels } from './panels';
import { COLORS } from './theme';

/** Options of `smallMultiples`. */
export interface SmallMultiplesOptions extends Omit<PanelsOptions, 'panels'> {
  /** A figure with several named series and one x and one y axis. */
  figure: Figure;
  /** Names of the series that get a panel, as the legend has them. Default: all. */
  of?: readonly string[];
}

/** Takes the place of a figure with more than about six series, whose lines hide each other. */
export function smallMultiples(options: SmallMultiplesOptions): Figure {
  const { figure, of, columns = 3, rowHeight = 190, ...others } = options;
  const names = [...new Set(figure.data.flatMap(({ name }) => (name === undefined ? [] : [name])))];
  const chosen = of === undefined ? names : names.filter((name) => of.includes(name));
  return panels({
    shareX: true,
    shareY: true,
    ...others,
    columns: Math.min(columns, chosen.length),
    rowHeight,
    panels: chosen.map((name) => ({
      title: name,
      figure: {
        ...figure,
        data: [
          ...figure.data.filter((trace) => trace.name !== name && trace.fill === undefined).map(inGray),
          ...figure.data
            .filter((trace) => trace.name === name)
            .map((trace) => ({ ...trace, showlegend: false })),
        ],
      },
    })),
  });
}

/** A series behind the one of interest: thin, without its marks of spread. */
function inGray({ error_x: _, error_y: __, ...trace }: Trace): Trace {
  const marker = trace.marker as { symbol?: unknown } | undefined;
  return {
    ...trace,
    showlegend: false,
    ...(trace.line ? { line: { ...trace.line, color: COLORS.line, width: 1 } } : {}),
    ...(marker ? { marker: { symbol: marker.symbol, size: 4, color: COLORS.line } } : {}),
  };
}
