/** The host of an address, with its port; or '' if it is none. */
export function hostOf(address: string | null | undefined): string {
  try {
    return address ? new URL(address).host : '';
  } catch {
    return '';
  }
}

/** Addresses that lead nowhere but to the machine they are opened on: the network for trying out. */
export const onTrial = (address: string | null) => hostOf(address).replace(/:\d+$/, '').endsWith('.localhost');
