/**
 * The playground in a cell's output: a page of its own, in which the library computes in the reader's
 * browser, on the reader's GPU where there is one.
 *
 * The page is part of the output (0.4 MB; 2 MB for the view `train`), because an output can't rely on files
 * beside it. Readers that show no pages, such as GitHub, show its picture.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNumber, DataError, OptionError } from '../core/errors';
import { escapeHtml } from '../core/escape';
import { checkOptions, number, type OptionsOf, object, oneOf, where, whole } from '../core/options';
import * as tf from '../core/tf';
import type { Figure } from '../figures';
import { readFlatWeights } from '../landscape';
import type { MimeBundle } from './display';
import { figureToPng } from './static';

/** Samples of a network: a `Dataset`. */
interface SampleSet {
  size: number;
  labels: ArrayLike<number>;
  classes: readonly string[];
  /** The inputs as the network takes them, row by row. */
  values(): Float32Array;
}

const PLAYGROUND = {
  /** What is shown: one step, two minima, or a network that learns. Default `'step'`. */
  view: oneOf(['step', 'minima', 'train'], 'step'),
  /** Steps back. Paper: k. 1 to 10. Default 3. */
  k: whole({ min: 1, max: 10 }),
  /**
   * Length of a step back. Paper: rho. At most 0.6, in `minima` 0.4, in `train` 1. Default: as the view has
   * it.
   */
  rho: number({ min: 0 }),
  /** How far forward, 0.05 to 1. Paper: alpha. Default 0.5. */
  alpha: number({ min: 0.05, max: 1 }),
  /**
   * Learning rate. Paper: eta. 0.005 to 1, in `minima` 0.1, in `train` 0.002 to 1. Default: as the view has
   * it.
   */
  learningRate: number({ min: 0, exclusiveMin: true }),
  /**
   * The network that the view `train` begins with: one of `mlp` with ReLU, without BatchNorm. Default: a new
   * one.
   */
  model: where<tf.LayersModel>('object', 'a tf.LayersModel', (value) => value instanceof tf.LayersModel),
  /** What the view `train` learns and draws the loss of: goes with `model`. */
  samples: object<{ train: SampleSet; test: SampleSet }>('{ train, test }, two data sets'),
  /** What is shown where the page can't be. Default: a sentence. */
  picture: object<Figure>('a figure, { data, layout }'),
};

/** What the sliders of the views span. */
const SPANS = {
  step: { rho: { min: 0, max: 0.6 }, learningRate: { min: 0.005, max: 1 } },
  minima: { rho: { min: 0, max: 0.4 }, learningRate: { min: 0.005, max: 0.1 } },
  train: { rho: { min: 0, max: 1 }, learningRate: { min: 0.002, max: 1 } },
};

/** Options of `playground`. */
export type PlaygroundOptions = OptionsOf<typeof PLAYGROUND>;

/** A page of the playground, for `show`. */
export class Playground {
  /** The page, as the text of an HTML file. */
  readonly page: string;
  /** What is shown in its place where it can't be. */
  readonly picture: Figure | undefined;

  constructor(page: string, picture?: Figure) {
    this.page = page;
    this.picture = picture;
  }

  /** What a cell's output holds: the page, and what readers show that have no pages. */
  async bundle(): Promise<MimeBundle> {
    const png = this.picture && (await figureToPng(this.picture, { scale: 1 })).toString('base64');
    return {
      'text/html': this.#html(png),
      ...(png === undefined ? {} : { 'image/png': png }),
      'text/plain': '[playground]',
    };
  }

  /**
   * The page within another one: a frame as high as the page is, behind the picture, which hides as soon as
   * the page runs.
   */
  #html(png: string | undefined): string {
    const before = png
      ? `<img alt="" style="max-width:100%" src="data:image/png;base64,${png}">`
      : `<p>${escapeHtml(HINT)}</p>`;
    const page = this.page.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
    return (
      `<div>${before}<iframe title="Playground" style="width:100%;height:760px;border:0"` +
      ` srcdoc="${page}"></iframe></div>`
    );
  }
}

const HINT =
  'A page that computes in the browser: run the cell, or open the playground (npm run playground).';

/**
 * A view of the playground, with the settings given:
 * `await show(await playground({ view: 'step', k: 5, rho: 0.2 }))`.
 *
 * @throws OptionError; DataError where the page was not built with the library.
 */
export async function playground(options: PlaygroundOptions = {}): Promise<Playground> {
  const settings = checkOptions('playground', PLAYGROUND, options);
  const { view, k, rho, alpha, learningRate, model, samples, picture } = settings;
  for (const name of ['rho', 'learningRate'] as const) {
    if (settings[name] !== undefined) checkNumber(name, settings[name], SPANS[view][name]);
  }
  const file = join(__dirname, '..', 'playground', view === 'train' ? 'train.html' : 'plane.html');
  if (!existsSync(file))
    throw new DataError('The pages of the playground are not built. Run "npm run build" in the project.');
  const given = Object.entries({ k, rho, alpha, rate: learningRate }).filter(
    ([, value]) => value !== undefined,
  );
  const query = new URLSearchParams(
    given.map(([name, value]): [string, string] => [name, `${value}`]),
  ).toString();
  const task = model === undefined && samples === undefined ? undefined : await handedOver(settings);
  const json = JSON.stringify({ link: `${view}?${query}`, task }).replaceAll('<', '\\u003c');
  const page = readFileSync(file, 'utf8').replace(
    '<script id="given" type="application/json">',
    (tag) => tag + json,
  );
  return new Playground(page, picture);
}

/** A network and its samples, as the page reads them. */
async function handedOver({ view, model, samples }: PlaygroundOptions): Promise<object> {
  if (view !== 'train') throw new OptionError('view', view, "'train' where model or samples are given");
  if (model === undefined) throw new OptionError('model', model, 'given with samples');
  if (samples === undefined) throw new OptionError('samples', samples, 'given with model');
  const strange = model.layers.find((layer) => {
    const kind = layer.getClassName();
    const isReLU = kind === 'Activation' && layer.getConfig().activation === 'relu';
    return !isReLU && !['InputLayer', 'Flatten', 'Dense'].includes(kind);
  });
  if (strange !== undefined) {
    const allowed = 'of dense layers with ReLU between them';
    throw new OptionError('model', `one with the layer ${strange.name}`, allowed, 'Take one that mlp makes.');
  }
  const dense = model.layers.filter((layer) => layer.getClassName() === 'Dense');
  const packed = (set: SampleSet) => ({
    inputs: base64(set.values()),
    labels: Array.from(set.labels),
    classes: set.classes,
  });
  return {
    hidden: dense.slice(0, -1).map(({ outputShape }) => outputShape.at(-1)),
    weights: base64(await readFlatWeights(model)),
    train: packed(samples.train),
    test: packed(samples.test),
  };
}

function base64(numbers: Float32Array): string {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('base64');
}
