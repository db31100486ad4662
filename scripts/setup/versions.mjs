/**
 * What the set-up installs. Transitive Python packages are pinned in constraints.txt, npm packages in
 * package-lock.json.
 */

/** TensorFlow's Python wheel: only its shared libraries and C headers are used. */
export const TENSORFLOW = '2.21.0';

/** The npm package whose native addon is compiled against those libraries. */
export const TFJS_NODE = '4.22.0';

/** Python versions for which TensorFlow has wheels, as minor versions of Python 3. */
export const PYTHON_MINORS = { min: 10, max: 13 };

/** JupyterLab, its plotly renderer, and what executes and converts notebooks without a browser. */
export const JUPYTER = ['jupyterlab==4.6.6', 'plotly==7.1.0', 'nbclient==0.11.0', 'nbconvert==7.17.2'];

/**
 * NVIDIA's libraries as TensorFlow's `and-cuda` extra names them; their versions are in constraints-cuda.txt.
 */
export const CUDA = [
  'nvidia-cublas-cu12',
  'nvidia-cuda-cupti-cu12',
  'nvidia-cuda-nvcc-cu12',
  'nvidia-cuda-nvrtc-cu12',
  'nvidia-cuda-runtime-cu12',
  'nvidia-cudnn-cu12',
  'nvidia-cufft-cu12',
  'nvidia-curand-cu12',
  'nvidia-cusolver-cu12',
  'nvidia-cusparse-cu12',
  'nvidia-nccl-cu12',
  'nvidia-nvjitlink-cu12',
];

/**
 * The cluster engine of `--engine ray`, installed where it is asked for. Later versions give up where their
 * helper processes take more than 15 s to start, as they do on a busy machine.
 */
export const RAY = 'ray==2.51.1';

/** Highest Node-API version that the addon's loader looks for. */
export const NODE_API = 8;

/** Environment of the notebook kernel; TensorFlow reads both variables when its library is opened. */
export const KERNEL_ENVIRONMENT = {
  // Drops TensorFlow's log lines. Errors still reach the notebook: tf.js throws them.
  TF_CPP_MIN_LOG_LEVEL: '3',
  // Takes GPU memory as it is needed, so that several notebooks can share one GPU.
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
};
