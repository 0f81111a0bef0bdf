import { useEffect, useState } from 'preact/hooks';
import type { Store } from './store.ts';

/** The value of an observable source; the component is rendered again when it changes. */
export function useFollowed<T>(listen: (listener: () => void) => () => void, read: () => T): T {
  const [value, setValue] = useState(read);
  useEffect(() => {
    const update = (): void => setValue(read);
    // The value may have changed between the first render and this effect.
    update();
    return listen(update);
    // The sources are created once and live as long as the page.
  }, []);
  return value;
}

export function useStore<T>(store: Store<T>): T {
  return useFollowed(store.listen, () => store.value);
}
