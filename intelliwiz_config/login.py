"""The one login page, for the page of uploads and for the admin."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from rest_framework.throttling import BaseThrottle

from .login_limits import ATTEMPTS_OF_ADDRESS, FAILURES_OF_ACCOUNT, HASHING, TryLater


class LimitedLoginView(LoginView):
    """Looks at passwords only as often, and as many at once, as :mod:`.login_limits` allows."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        address = BaseThrottle().get_ident(request)  # type: ignore[arg-type]  # reads META alone
        account = _account(request.POST.get("username", ""))
        try:
            ATTEMPTS_OF_ADDRESS.require_below_limit(address)
            FAILURES_OF_ACCOUNT.require_below_limit(account)
            # Those count too that find no place, or an address could keep them all taken.
            ATTEMPTS_OF_ADDRESS.count(address)
            with HASHING.one(address):
                # Once more: those who were inside may have used up what was left.
                FAILURES_OF_ACCOUNT.require_below_limit(account)
                FAILURES_OF_ACCOUNT.count(account)
                return super().post(request, *args, **kwargs)
        except TryLater as refusal:
            return self._refuse(refusal)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        FAILURES_OF_ACCOUNT.take_back(_account(form.cleaned_data["username"]))
        return super().form_valid(form)

    def _refuse(self, refusal: TryLater) -> HttpResponse:
        # Not bound to what was sent: nothing looks at the password again.
        form = AuthenticationForm(self.request)
        context = self.get_context_data(form=form, refusal=str(refusal))
        headers = {"Retry-After": str(refusal.wait)}
        return self.response_class(
            self.request, self.get_template_names(), context, status=refusal.status, headers=headers
        )


def _account(username: str) -> str:
    """As the login form reads a name, and in one case, so that no account has several counters."""
    return unicodedata.normalize("NFKC", username).strip().casefold()
