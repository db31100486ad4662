/** The browser of the browser tests. */
import { existsSync } from 'node:fs';

const PLACES = [
  process.env.LB_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Path of a Chromium, or undefined where there is none. */
export const executablePath = PLACES.find((path) => path !== undefined && existsSync(path));

const SWIFTSHADER = ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'];

/** Draws WebGL without a GPU. */
export const ARGUMENTS = [...SWIFTSHADER, '--disable-gpu'];

/** WebGL and WebGPU without a GPU. */
export const WEBGPU_ARGUMENTS = [
  ...SWIFTSHADER,
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];
