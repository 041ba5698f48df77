"""Enter: logging in with a browser, and out again."""

from urllib.parse import quote

from tocsin.domain.people.actor import SYSTEM, Actor
from tocsin.domain.people.throttle import Throttle
from tocsin.ground.clock import seconds
from tocsin.logins import discovered
from tocsin.store import actors, audit, sessions
from tocsin.store.turn import Store, Turn
from tocsin.web.page import Response, no_cookie, notice, page, redirect, session_cookie
from tocsin.web.request import Request, local_path

HOME = "/app/"
MOST_PER_ACCOUNT = 10  # wrong passwords of one account in a window, wherever they come from
MOST_PER_SOURCE = 30  # wrong passwords of one address in a window, whoever they are for
WINDOW_S = 15 * 60.0  # seconds; 960 guesses a day find no password that was good enough to be kept
_WRONG = "The e-mail address and the password do not belong together."


class LoginPage:
    """Lets people in and out."""

    def __init__(self, store: Store) -> None:
        """Look people up in this store, and count wrong guesses from now on."""
        self._store = store
        self._accounts = Throttle(MOST_PER_ACCOUNT, WINDOW_S)
        self._sources = Throttle(MOST_PER_SOURCE, WINDOW_S)

    async def show(self, request: Request) -> Response:
        """Answer GET /login: the form, or straight on when the browser is logged in already."""
        onward = local_path(request.query.get("next", ""), HOME)
        if await self.who(request) is not None:
            return redirect(onward)
        return _form(onward)

    async def take(self, request: Request) -> Response:
        """Answer POST /login: begin a session, or say that it did not fit without saying what."""
        if request.from_elsewhere:
            return foreign()
        onward, email = local_path(request.form.get("next", ""), HOME), request.form.get("email", "").strip()
        account = email.casefold()
        wait_s = max(self._accounts.wait_s(account, seconds()), self._sources.wait_s(request.source, seconds()))
        if wait_s > 0:
            retry = (("retry-after", str(int(wait_s) + 1)),)
            return _form(onward, email=email, fault=_patience(wait_s), status=429, headers=retry)
        user_id = await discovered()["password"].prove(self._store, request.form)
        if user_id is None:
            self._accounts.failed(account, seconds())
            self._sources.failed(request.source, seconds())
            return _form(onward, email=email, fault=_WRONG, status=401)
        self._accounts.forget(account)
        return await self._let_in(request, user_id, onward)

    async def _let_in(self, request: Request, user_id: str, onward: str) -> Response:
        """Begin a fresh session; one that the browser had before ends, so that nobody can have planted it."""
        before = request.session

        async def job(turn: Turn) -> str:
            if before:
                await sessions.end(turn, before)
            actor = await actors.person(turn, user_id, method="browser") or SYSTEM
            await audit.record(turn, actor, "login", ("user", user_id), {"from": request.source})
            return (await sessions.create(turn, user_id, request.headers.get("user-agent", ""))).clear

        clear = await self._store.work(job)
        return redirect(onward, (session_cookie(clear, secure=request.secure),))

    async def leaving(self, request: Request) -> Response:
        """Answer GET /logout: a button; opening a link must not log anybody out."""
        actor = await self.who(request)
        if actor is None:
            return redirect("/login")
        csrf = sessions.csrf_of(request.session or "")
        return page("logout.html", {"name": actor.name, "csrf": csrf})

    async def leave(self, request: Request) -> Response:
        """Answer POST /logout: end the session."""
        clear = request.session
        session = None if clear is None else await self._store.read(lambda turn: sessions.find(turn, clear))
        if session is not None and clear is not None:
            if request.from_elsewhere or not sessions.csrf_fits(request.form.get("csrf", ""), session.csrf_hash):
                return foreign()
            await self._store.work(lambda turn: self._out(turn, session.actor, clear))
        return redirect("/login", (no_cookie(secure=request.secure),))

    async def _out(self, turn: Turn, actor: Actor, clear: str) -> None:
        await sessions.end(turn, clear)
        await audit.record(turn, actor, "logout", ("user", actor.id), {})

    async def home(self, request: Request) -> Response:
        """Answer GET /app/…: who is logged in, and where to go from here."""
        actor = await self.who(request)
        if actor is None:
            return redirect(f"/login?next={quote(request.path, safe='/')}")
        return page("home.html", {"name": actor.name, "csrf": sessions.csrf_of(request.session or "")})

    async def who(self, request: Request) -> Actor | None:
        """Return who is logged in with this browser, or None."""
        clear = request.session
        session = None if clear is None else await self._store.read(lambda turn: sessions.find(turn, clear))
        return None if session is None else session.actor


def foreign() -> Response:
    """Refuse a form that another site sent, or that lost its proof of coming from here."""
    return notice(403, "This form did not come from here", "Open the page again and send its form once more.")


def _form(
    onward: str, *, email: str = "", fault: str = "", status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    said = {"next_path": onward, "email": email, "fault": fault}
    return page("login.html", said, status=status, headers=headers)


def _patience(wait_s: float) -> str:
    minutes = int(wait_s // 60) + 1
    return f"Too many wrong passwords. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
