const NAME = "csrfmiddlewaretoken";
const COOKIE = "csrftoken";

/**
 * Django's CSRF header for requests from a form.
 *
 * The form's token is worth nothing once somebody has logged in again in another tab. The cookie has the fresh one, and the
 * form gets it too: it would be refused as the upload was.
 *
 * @param refused the server did not take the form's token
 */
export function csrfHeaders(form: ParentNode, refused: boolean): Record<string, string> {
  const input = form.querySelector<HTMLInputElement>(`input[name="${NAME}"]`);
  const cookie = cookieToken(document.cookie);
  if (refused && cookie && input) input.value = cookie;
  const token = input?.value || cookie;
  return token ? { "X-CSRFToken": token } : {};
}

export function cookieToken(cookies: string): string | undefined {
  const found = cookies.split("; ").find((cookie) => cookie.startsWith(`${COOKIE}=`));
  return found && decodeURIComponent(found.slice(COOKIE.length + 1));
}
