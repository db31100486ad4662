/**
 * What a page was given where it was made: in the output of a notebook, which view it shows, and of which
 * network.
 */
import { Dataset } from 'lookbehind/data';
import type { Task } from './trainingData';

/** Samples as JSON: inputs are float32, base64. */
interface GivenSet {
  inputs: string;
  labels: number[];
  classes: string[];
}

interface Given {
  /** View and settings, as after the # of an address. */
  link?: string;
  /** A network and what it learns. */
  task?: { hidden: number[]; weights: string; train: GivenSet; test: GivenSet };
}

function read(): Given {
  return JSON.parse(document.getElementById('given')?.textContent || '{}');
}

/** View and settings that the page begins with. */
export function givenLink(): string {
  return read().link ?? '';
}

/** The network that the page was given, and its samples. */
export function givenTask(): Task | undefined {
  const { task } = read();
  if (task === undefined) return undefined;
  const set = (split: string, { inputs, labels, classes }: GivenSet): Dataset => {
    const numbers = floats(inputs);
    return new Dataset({
      name: 'given',
      split,
      inputs: numbers,
      labels: Int32Array.from(labels),
      inputShape: [numbers.length / labels.length],
      classes,
    });
  };
  const [train, test] = [set('train', task.train), set('test', task.test)];
  const [learned, others] = [train, test].map(({ size }) => size.toLocaleString('en'));
  return {
    says: `The network of this notebook: ${learned} samples to learn from, ${others} others to test on.`,
    train,
    test,
    hidden: task.hidden,
    weights: floats(task.weights),
    radius: 1,
  };
}

function floats(base64: string): Float32Array {
  return new Float32Array(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)).buffer);
}
