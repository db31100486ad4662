/**
 * The other side of plain.ts: one Lookbehind-SAM outer step as one writes it by hand in stock TensorFlow.js,
 * in a process of its own, without this library. Messages:
 * {topology, weights, shapes, trained, inputs, inputShape, labels, k, alpha} to set up, {} to take one step.
 *
 * It has the shortcut that ours has: k + 1 gradients. (Only BatchNorm's moving statistics then move once
 * where 2k gradients move them twice, which is of no account for the time.)
 */
const tf = require('@tensorflow/tfjs-node-gpu');

const [RHO, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY] = [0.05, 0.01, 0.9, 5e-4];

let model;
let variables;
let momentum;
let xs;
let ys;
let k;
let alpha;

async function setUp(message) {
  model = await tf.models.modelFromJSON(message.topology);
  model.setWeights(message.weights.map((values, i) => tf.tensor(values, message.shapes[i])));
  variables = model.trainableWeights.map((weight) => weight.read());
  momentum = variables.map((variable) => tf.variable(tf.zerosLike(variable), false));
  xs = tf.tensor(message.inputs, [message.labels.length, ...message.inputShape]);
  ys = tf.oneHot(tf.tensor1d(message.labels, 'int32'), model.outputs[0].shape[1]);
  k = message.k;
  alpha = message.alpha;
  return {};
}

/** Loss and gradients at the present weights. */
function gradient() {
  const loss = () => tf.losses.softmaxCrossEntropy(ys, model.apply(xs, { training: true }));
  const { value, grads } = tf.variableGrads(loss, variables);
  return { value, g: variables.map(({ name }) => grads[name]) };
}

function assignAll(values) {
  for (let i = 0; i < variables.length; i++) variables[i].assign(values[i]);
}

function outerStep() {
  return tf.tidy(() => {
    const slow = variables.map((variable) => variable.clone());
    let fast = slow;
    let live = slow;
    let { value: first, g } = gradient();
    for (let inner = 0; inner < k; inner++) {
      const norm = tf.sqrt(tf.addN(g.map((one) => tf.sum(tf.square(one)))));
      const scale = tf.div(RHO, tf.add(norm, 1e-16));
      live = live.map((w, i) => tf.add(w, tf.mul(g[i], scale)));
      assignAll(live);
      ({ g } = gradient());
      fast = fast.map((w, i) => {
        momentum[i].assign(tf.add(tf.mul(momentum[i], MOMENTUM), tf.add(g[i], tf.mul(w, WEIGHT_DECAY))));
        return tf.sub(w, tf.mul(momentum[i], LEARNING_RATE));
      });
    }
    assignAll(slow.map((w, i) => tf.add(w, tf.mul(tf.sub(fast[i], w), alpha))));
    return first;
  });
}

function step() {
  const started = performance.now();
  const usage = process.cpuUsage();
  const loss = outerStep();
  const value = loss.dataSync()[0];
  loss.dispose();
  const { user, system } = process.cpuUsage(usage);
  return { ms: performance.now() - started, processorMs: (user + system) / 1000, loss: value };
}

process.on('message', async (message) => {
  process.send(message.topology ? await setUp(message) : step());
});
