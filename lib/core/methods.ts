/**
 * The methods that are compared, each described once: its name, how it steps, what it costs, and how figures
 * draw it.
 *
 * The hue says how the steps are arranged (one step, Lookahead, multistep, Lookbehind, its controls), the
 * dash says how the weights are perturbed (solid: SAM, dashed: ASAM, dotted: not at all). Hues are those of
 * Okabe and Ito, which color-blind readers can tell apart.
 */

/** A method. */
export interface Method {
  /** What tables and legends call it. */
  label: string;
  /**
   * How its steps are arranged: one per batch, k fast ones and one slow, k along the ascent, k back and one
   * forward; or, as controls of the last, k back in a straight line, and k equal ones.
   */
  steps: 'single' | 'lookahead' | 'multistep' | 'lookbehind' | 'straight' | 'repeated';
  /** By which rule it perturbs the weights; null: not at all. */
  rule: 'SAM' | 'ASAM' | null;
  /** Whether alpha is adaptive. */
  adaptive?: true;
  /** Hexadecimal color. */
  color: string;
  /** Dash of its lines, as plotly wants it. Default: that of its rule. */
  dash?: string;
  /** Marker, in plotly's words. */
  symbol: string;
}

/** All methods, in the order in which tables and legends list them. */
export const METHODS = {
  sgd: { label: 'SGD', steps: 'single', rule: null, color: '#6e7781', symbol: 'cross' },
  adamw: { label: 'AdamW', steps: 'single', rule: null, color: '#a6761d', symbol: 'x' },
  lookahead: {
    label: 'Lookahead + SGD',
    steps: 'lookahead',
    rule: null,
    color: '#cc79a7',
    symbol: 'diamond',
  },
  sam: { label: 'SAM', steps: 'single', rule: 'SAM', color: '#0072b2', symbol: 'square' },
  lookaheadSAM: {
    label: 'Lookahead + SAM',
    steps: 'lookahead',
    rule: 'SAM',
    color: '#8f3d6e',
    symbol: 'diamond',
  },
  multistepSAM: {
    label: 'Multistep-SAM',
    steps: 'multistep',
    rule: 'SAM',
    color: '#009e73',
    symbol: 'triangle-up',
  },
  lookbehindSAM: {
    label: 'Lookbehind-SAM',
    steps: 'lookbehind',
    rule: 'SAM',
    color: '#d55e00',
    symbol: 'circle',
  },
  lookbehindSAMAdaptive: {
    label: 'Lookbehind-SAM, adaptive',
    steps: 'lookbehind',
    rule: 'SAM',
    adaptive: true,
    color: '#e69f00',
    dash: '11px,3px',
    symbol: 'circle',
  },
  asam: { label: 'ASAM', steps: 'single', rule: 'ASAM', color: '#56b4e9', symbol: 'square-open' },
  lookaheadASAM: {
    label: 'Lookahead + ASAM',
    steps: 'lookahead',
    rule: 'ASAM',
    color: '#b55c91',
    symbol: 'diamond-open',
  },
  multistepASAM: {
    label: 'Multistep-ASAM',
    steps: 'multistep',
    rule: 'ASAM',
    color: '#5cc9a7',
    symbol: 'triangle-up-open',
  },
  lookbehindASAM: {
    label: 'Lookbehind-ASAM',
    steps: 'lookbehind',
    rule: 'ASAM',
    color: '#e58a4e',
    symbol: 'circle-open',
  },
  lookbehindASAMAdaptive: {
    label: 'Lookbehind-ASAM, adaptive',
    steps: 'lookbehind',
    rule: 'ASAM',
    adaptive: true,
    color: '#c9a227',
    dash: '6px,3px,2px,3px',
    symbol: 'circle-open',
  },
  repeatedSAM: { label: 'Repeated SAM', steps: 'repeated', rule: 'SAM', color: '#17627a', symbol: 'hexagon' },
  straightSAM: {
    label: 'Straight path',
    steps: 'straight',
    rule: 'SAM',
    color: '#7b3294',
    symbol: 'diamond-tall',
  },
} as const satisfies Record<string, Method>;

/**
 * The name of a method in programs: that of its optimizer, with what it is built over or `Adaptive` behind
 * it.
 */
export type MethodName = keyof typeof METHODS;

/** Names of the methods. */
export const METHOD_NAMES = Object.keys(METHODS) as readonly MethodName[];

/**
 * Gradients that one batch costs a method.
 *
 * @param k Inner steps.
 * @param reuse Whether the gradient at the fast weights serves the descent and the next ascent, as the loss
 * allows mostly.
 */
export function gradientsOf(
  { steps, rule }: Pick<Method, 'steps' | 'rule'>,
  k: number,
  reuse = true,
): number {
  if (steps === 'multistep' || steps === 'straight') return k + 1;
  if (steps === 'lookbehind') return reuse ? k + 1 : 2 * k;
  return rule === null ? 1 : 2;
}
