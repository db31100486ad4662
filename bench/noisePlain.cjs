/**
 * The other side of noise.ts: the loop that one writes by hand in stock TensorFlow.js, in a process of its
 * own, without this library. Messages: {topology, weights, shapes, kernels, inputs, inputShape, labels} to
 * set up, {weights} to evaluate given weights, {sigmas, draws} to run the loop.
 */
const tf = require('@tensorflow/tfjs-node-gpu');

let model;
let xs;
let ys;
let kernels;

async function setUp({ topology, weights, shapes, kernels: indices, inputs, inputShape, labels }) {
  model = await tf.models.modelFromJSON(topology);
  model.setWeights(weights.map((values, i) => tf.tensor(values, shapes[i])));
  kernels = new Set(indices);
  xs = tf.tensor(inputs, [labels.length, ...inputShape]);
  ys = tf.tensor1d(labels, 'int32');
  return {};
}

/** Loss and accuracy at the present weights. */
function score() {
  return tf.tidy(() => {
    const logits = model.predict(xs, { batchSize: 250 });
    const loss = tf.losses.softmaxCrossEntropy(tf.oneHot(ys, logits.shape[1]), logits);
    const accuracy = tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), ys), 'float32'));
    return { loss: loss.dataSync()[0], accuracy: accuracy.dataSync()[0] };
  });
}

function evaluate({ weights }) {
  tf.tidy(() => model.setWeights(model.getWeights().map(({ shape }, i) => tf.tensor(weights[i], shape))));
  return score();
}

function loop({ sigmas, draws }) {
  const clean = model.getWeights().map((tensor) => tensor.clone());
  const started = performance.now();
  const usage = process.cpuUsage();
  for (const sigma of sigmas) {
    for (let draw = 0; draw < draws; draw++) {
      tf.tidy(() => {
        model.setWeights(
          clean.map((w, i) => (kernels.has(i) ? tf.mul(w, tf.randomNormal(w.shape, 1, sigma)) : w)),
        );
      });
      score();
    }
  }
  const { user, system } = process.cpuUsage(usage);
  const milliseconds = performance.now() - started;
  model.setWeights(clean);
  tf.dispose(clean);
  return { milliseconds, cpu: (user + system) / 1000 };
}

process.on('message', async (message) => {
  const work = message.topology ? setUp : message.weights ? evaluate : loop;
  process.send(await work(message));
});
