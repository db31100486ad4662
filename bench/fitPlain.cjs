/**
 * The other side of fit.ts: `model.fit` of stock TensorFlow.js in a process of its own, with no more of this
 * library than its optimizers, which change no kernel. Messages: {topology, weights, shapes, optimizer,
 * inputs, inputShape, labels, batch} to set up, {epochs} to train.
 */
const tf = require('@tensorflow/tfjs-node-gpu');
require('lookbehind');

let train;

async function setUp({ topology, weights, shapes, optimizer, inputs, inputShape, labels, batch }) {
  const model = await tf.models.modelFromJSON(topology);
  model.setWeights(weights.map((values, i) => tf.tensor(values, shapes[i])));
  const [type, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap[optimizer.className];
  model.compile({
    optimizer: fromConfig(type, optimizer.config),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  const x = tf.tensor(inputs, [labels.length, ...inputShape]);
  const y = tf.oneHot(tf.tensor1d(labels, 'int32'), model.outputs[0].shape[1]);
  train = (epochs) => model.fit(x, y, { batchSize: batch, epochs, verbose: 0 });
  return {};
}

async function timed(epochs) {
  const started = performance.now();
  const usage = process.cpuUsage();
  const { history } = await train(epochs);
  const { user, system } = process.cpuUsage(usage);
  return { ms: performance.now() - started, processorMs: (user + system) / 1000, loss: history.loss.at(-1) };
}

process.on('message', async (message) => {
  process.send(message.topology ? await setUp(message) : await timed(message.epochs));
});
