/** The whole playground. */
import * as tf from '@tensorflow/tfjs';
import { minimaView } from './minima';
import { shell } from './shell';
import { stepView } from './step';
import { trainView } from './train';

async function start(): Promise<void> {
  await tf.setBackend('cpu');
  shell(document.getElementById('playground')!, (changed) => ({
    step: stepView(changed),
    minima: minimaView(changed),
    train: trainView(changed),
  }));
}

void start();
