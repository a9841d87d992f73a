import { ApiError } from '../../api/http';
import { t } from '../../text/en';
import { sentence } from '../../text/fault';

/** Why a name could not be asked for or taken. The node answers; it is whoever gives names that may not. */
export function refusal(error: unknown): string {
  if (error instanceof ApiError && error.code === 'service_unavailable') return t.name.noGiver;
  return sentence(error);
}
