import { ApiError, NoAnswer } from '../api/http';
import { t } from './en';

/** What happened, in words. Codes without a sentence get the node's own, never a number. */
export function sentence(error: unknown): string {
  if (error instanceof NoAnswer) return t.fault.no_answer;
  if (error instanceof ApiError) return ofCode(error.code, error);
  const known = named[(error as Error | null)?.name ?? ''];
  if (known === undefined) console.error(error); // a fault of the page itself: whoever looks for it finds it here
  return known ?? t.fault.unknown;
}

export function ofCode(code: string, error?: ApiError): string {
  if (code === 'too_many_requests') return t.fault.too_many_requests(Math.ceil(error?.retryAfter ?? 0));
  const text: unknown = (t.fault as Record<string, unknown>)[code];
  if (typeof text === 'string') return text;
  return error && error.status < 500 && error.message !== '' ? error.message : t.fault.unknown;
}

const named: Record<string, string> = {
  WrongPassphrase: t.fault.wrong_passphrase,
  WalletRefused: t.fault.wallet_refused,
  WalletBusy: t.fault.wallet_busy,
  InvalidStateError: t.fault.no_storage,
  QuotaExceededError: t.fault.no_storage,
  SecurityError: t.fault.no_storage,
};
