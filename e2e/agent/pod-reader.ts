// A pod: reads its volume in a loop from its own mount namespace and reports at the end: the number of reads, the
// serial numbers in order, and every incomplete set of files.
import { readVolume } from './volume-files.ts';
import type { VolumeFiles } from './volume-files.ts';

const [directory = '', pauseMs] = process.argv.slice(2);
const serials: string[] = [];
const torn: string[] = [];
let looks = 0;
let seen: VolumeFiles | undefined;
const look = (): void => {
  looks += 1;
  try {
    seen = readVolume(directory, seen);
    const { serialNumber } = seen.certificate;
    if (serials.at(-1) !== serialNumber) serials.push(serialNumber);
  } catch (error) {
    torn.push(String(error));
  }
  timer = setTimeout(look, Number(pauseMs));
};
let timer = setTimeout(look, 0);
process.stdin.on('end', () => {
  clearTimeout(timer);
  look();
  clearTimeout(timer);
  process.stdout.write(JSON.stringify({ looks, serials, torn }));
});
process.stdin.resume();
