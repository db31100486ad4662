/**
 * What a cell shows of its last value: a tensor its numbers, a data set its sizes and first images, a model
 * its layers, a history its curves. The kernel asks what stands under `Symbol.for('lookbehind.display')`, see
 * patches/tslab+1.0.22+008; importing `lookbehind/notebook` in a cell puts `showValue` there.
 */
import { nativeNode } from '../compile/native';
import * as tf from '../core/tf';
import { Dataset } from '../data/dataset';
import { curves, type Figure } from '../figures';
import { type EpochRecord, logsOf } from '../training/loop';
import { displayBundle } from './display';
import { show } from './show';

/** Images of a data set that are shown, in rows of ten. */
const MOST_IMAGES = 20;
/** Height and width of an image on the screen, at least, in pixels. */
const TILE = 56;

/** Makes the kernel ask `showValue`. */
export function replaceLastValues(): void {
  Object.assign(globalThis, { [Symbol.for('lookbehind.display')]: showValue });
}

/** Shows a value in the cell's output. False where it is none that is known: the kernel then prints it. */
async function showValue(value: unknown): Promise<boolean> {
  if (value instanceof tf.Tensor)
    console.log(value.isDisposed ? 'A tensor that was disposed.' : value.toString(true));
  else if (value instanceof Dataset) await showDataset(value);
  else if (value instanceof tf.LayersModel) showModel(value);
  else {
    const curves = curvesOf(value);
    if (curves === undefined) return false;
    for (const figure of historyFigures(curves)) await show(figure);
  }
  return true;
}

function showModel(model: tf.LayersModel): void {
  const lines: string[] = [];
  model.summary(undefined, undefined, (line: string) => lines.push(line));
  console.log(lines.join('\n'));
}

async function showDataset(data: Dataset): Promise<void> {
  console.log(data.toString());
  const { inputShape, size } = data;
  const [height = 0, width = 0, channels = 1] = inputShape;
  const isImage = (inputShape.length === 2 || inputShape.length === 3) && [1, 3].includes(channels);
  const encode = nativeNode()?.encodePng;
  if (!isImage || Math.min(height, width) < 4 || size === 0 || encode === undefined) return;
  const picture = tf.tidy(() => {
    const count = Math.min(MOST_IMAGES, size);
    const { xs } = data.tensors(Array.from({ length: count }, (_, i) => i));
    const values = xs.reshape([count, height, width, channels]) as tf.Tensor4D;
    const [low, high] = [values.min(), values.max()];
    const bytes = values.sub(low).div(high.sub(low).maximum(1e-9)).mul(255) as tf.Tensor4D;
    const times = Math.max(1, Math.round(TILE / height));
    const large = tf.image.resizeNearestNeighbor(bytes, [height * times, width * times]);
    // A white line around each, and white for what is missing in the last row.
    const columns = Math.min(10, count);
    const rows = Math.ceil(count / columns);
    const framed = large.pad(
      [
        [0, rows * columns - count],
        [1, 1],
        [1, 1],
        [0, 0],
      ],
      255,
    );
    const [high2, wide] = [height * times + 2, width * times + 2];
    return framed
      .reshape([rows, columns, high2, wide, channels])
      .transpose([0, 2, 1, 3, 4])
      .reshape([rows * high2, columns * wide, channels])
      .toInt() as tf.Tensor3D;
  });
  const png = await encode(picture);
  picture.dispose();
  displayBundle({ 'image/png': Buffer.from(png).toString('base64'), 'text/plain': 'The first images.' });
}

/** What was recorded at each epoch, by name. */
type Recorded = { epochs: number[]; values: Record<string, number[]> };

/** What model.fit returns, and the history of a Trainer. */
function curvesOf(value: unknown): Recorded | undefined {
  if (value instanceof tf.History) {
    const { epoch, history } = value;
    return { epochs: epoch.map((one) => one + 1), values: history as Record<string, number[]> };
  }
  const isRecord = (one: unknown) =>
    typeof one === 'object' && one !== null && 'epoch' in one && 'trainLoss' in one;
  if (!Array.isArray(value) || value.length === 0 || !value.every(isRecord)) return undefined;
  const records = value as EpochRecord[];
  const logs = records.map(logsOf);
  const measured = [...new Set(logs.flatMap((one) => Object.keys(one)))].filter((name) =>
    /^(loss$|val_)/.test(name),
  );
  const values = measured.map((name) => [name, logs.map((one) => one[name] ?? Number.NaN)] as const);
  const known = values.filter(([, numbers]) => numbers.some(Number.isFinite));
  return { epochs: records.map(({ epoch }) => epoch), values: Object.fromEntries(known) };
}

/** A figure for each thing that was measured: in training, and in validation, `val_...` of tf.js. */
function historyFigures({ epochs, values }: Recorded): Figure[] {
  const names = [...new Set(Object.keys(values).map((name) => name.replace(/^val_/, '')))];
  return names.map((name) => {
    const series = [
      { method: 'training', label: 'training', x: epochs, runs: values[name] },
      { method: 'validation', label: 'validation', x: epochs, runs: values[`val_${name}`] },
    ].flatMap(({ runs, ...one }) => (runs === undefined ? [] : [{ ...one, runs: [runs] }]));
    return curves({ series, title: name, y: { title: name }, height: 320 });
  });
}
