// A pod: reads its volume over and over, as fast as it can, from a mount namespace of its own, and tells at the end what it saw: how
// often it looked, the serial numbers in their order, and everything that was not a whole set of files.
import { readVolume } from './volume-files.ts';

const [directory = ''] = process.argv.slice(2);
const serials: string[] = [];
const torn: string[] = [];
let looks = 0;
const look = (): void => {
  looks += 1;
  try {
    const { serialNumber } = readVolume(directory).certificate;
    if (serials.at(-1) !== serialNumber) serials.push(serialNumber);
  } catch (error) {
    torn.push(String(error));
  }
  // A pause, so that a few readers leave the agent some of the machine.
  timer = setTimeout(look, 2);
};
let timer = setTimeout(look, 0);
process.stdin.on('end', () => {
  clearTimeout(timer);
  look();
  clearTimeout(timer);
  process.stdout.write(JSON.stringify({ looks, serials, torn }));
});
process.stdin.resume();
