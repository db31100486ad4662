/** The views in the plane alone: small enough for the output of a notebook. */
import * as tf from '@tensorflow/tfjs';
import { givenLink } from './given';
import { minimaView } from './minima';
import { shell } from './shell';
import { stepView } from './step';

async function start(): Promise<void> {
  await tf.setBackend('cpu');
  const views = (changed: () => void) => ({ step: stepView(changed), minima: minimaView(changed) });
  shell(document.getElementById('playground')!, views, givenLink());
}

void start();
