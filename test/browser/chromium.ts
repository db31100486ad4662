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

/** Draws WebGL without a GPU. */
export const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
];
