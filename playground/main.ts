/** The whole playground. */
import * as tf from '@tensorflow/tfjs';
import { minimaView } from './minima';
import { shell } from './shell';
import { stepView } from './step';

async function start(): Promise<void> {
  await tf.setBackend('cpu');
  shell(document.getElementById('playground')!, (changed) => ({
    step: stepView(changed),
    minima: minimaView(changed),
  }));
}

void start();
