/**
 * Points of a loss surface per second in a browser, on each backend that it offers, beside the native CPU:
 *
 *     npm run -s bench:page [-- --side 33 --seconds 30 --networks mlp,convnet --backends webgl,webgpu]
 *
 * The networks are trained here, and their weights are handed to the page. A backend that has time for all
 * points must find the losses of the native one. LB_CHROMIUM names the browser. It uses the GPU if it
 * has one; with --software it draws with SwiftShader, with --headed it is seen.
 */
import { readFileSync } from 'node:fs';
import { arch, release, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { version_core } from '@tensorflow/tfjs';
import { lookbehindSAM } from 'lookbehind';
import { deviceName } from 'lookbehind/runs';
import { Trainer } from 'lookbehind/train';
import { BACKENDS, BackendPage } from '../test/browser/backendPage';
import { executablePath, WEBGPU_ARGUMENTS } from '../test/browser/chromium';
import { type Measured, measure, NETWORKS, type TrainedWeights, weightsOf } from './pageWork';

/** Lets WebGPU run on Linux, too, where browsers do not offer it yet. */
const GPU_ARGUMENTS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--ignore-gpu-blocklist',
  ...(process.platform === 'linux' ? ['--enable-features=Vulkan', '--use-angle=vulkan'] : []),
];

const { values } = parseArgs({
  options: {
    side: { type: 'string', default: '33' },
    seconds: { type: 'string', default: '30' },
    networks: { type: 'string', default: Object.keys(NETWORKS).join(',') },
    backends: { type: 'string', default: BACKENDS.join(',') },
    software: { type: 'boolean', default: false },
    headed: { type: 'boolean', default: false },
  },
});
/** Largest difference from a native loss, as a share of the largest one. Seen: 4e-7. */
const TOLERANCE = 1e-5;

const limits = { side: Number(values.side), seconds: Number(values.seconds) };

async function trained(network: string, bytes: Uint8Array): Promise<TrainedWeights> {
  const { model: make, data } = NETWORKS[network];
  const { train, seen } = data(bytes);
  const model = make();
  const optimizer = lookbehindSAM({ k: 2, rho: 0.05, learningRate: 0.1, momentum: 0.9, alpha: 0.5 });
  const trainer = new Trainer(model, optimizer, train, { epochs: 30, batchSize: 64, test: seen, seed: 1 });
  await trainer.train();
  console.log(
    `${network}: accuracy ${trainer.history.at(-1)!.testAccuracy} on the ${seen.size} samples of its surface`,
  );
  const weights = await weightsOf(model);
  trainer.dispose();
  optimizer.dispose();
  model.dispose();
  return weights;
}

function report(
  network: string,
  backend: string,
  { device, pointsPerSecond, points, losses }: Measured,
  natively: readonly number[],
): void {
  const difference =
    Math.max(...losses.map((loss, i) => Math.abs(loss - natively[i]))) / Math.max(...natively);
  const compared =
    losses.length > 0 && natively.length > 0 ? { difference: Number(difference.toPrecision(2)) } : {};
  const rate = Number(pointsPerSecond.toPrecision(3));
  console.log(JSON.stringify({ network, backend, device, pointsPerSecond: rate, points, ...compared }));
  if (!((compared.difference ?? 0) <= TOLERANCE)) {
    console.error(`${backend} finds other losses than the native backend.`);
    process.exitCode = 1;
  }
}

async function main(): Promise<void> {
  if (executablePath === undefined)
    throw new Error('No Chromium was found: set LB_CHROMIUM to the path of one.');
  const bytes = readFileSync(join(__dirname, '..', 'data', 'digits', 'digits.bin'));
  const page = await BackendPage.open(join(__dirname, 'pageWork.ts'), {
    executablePath,
    args: values.software ? WEBGPU_ARGUMENTS : GPU_ARGUMENTS,
    headless: !values.headed,
  });
  const system = `${type()} ${release()}, ${arch()}`;
  const node = `Node.js ${process.versions.node}`;
  console.log(`TensorFlow.js ${version_core}, ${page.browserName}, ${node}, ${system}`);
  try {
    for (const network of values.networks.split(',')) {
      const weights = await trained(network, bytes);
      const natively = await measure(network, weights, [...bytes], limits);
      report(network, 'native', { ...natively, device: deviceName() }, natively.losses);
      for (const backend of values.backends.split(',')) {
        const failed = await page.start(backend);
        if (failed !== undefined) console.log(JSON.stringify({ network, backend, skipped: failed }));
        else {
          const measured: Measured = await page.call('measure', network, weights, [...bytes], limits);
          report(network, backend, measured, natively.losses);
        }
        for (const complaint of page.complaints.splice(0)) console.log(`  the page says: ${complaint}`);
      }
    }
  } finally {
    await page.close();
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
