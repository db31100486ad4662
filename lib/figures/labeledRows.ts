/** A y axis with one labeled row per item, from the top: for bars and intervals. */
import { textWidth } from './compose';
import type { Axis } from './figure';
import { COLORS } from './theme';

const SIZE = 12;

/** The axis of rows at 0, 1, 2 ... downwards, and the room in pixels that their labels need at the left. */
export function labeledRows(labels: readonly string[], more: Axis = {}): { yaxis: Axis; left: number } {
  return {
    yaxis: {
      tickmode: 'array',
      tickvals: labels.map((_, i) => i),
      ticktext: [...labels],
      range: [labels.length - 0.4, -0.6],
      tickfont: { size: SIZE, color: COLORS.ink },
      ticks: '',
      ...more,
    },
    left: Math.max(70, 24 + Math.max(0, ...labels.map((label) => textWidth(label, SIZE)))),
  };
}
