"""The signed mails of the corpus."""

from tests.corpus_smime.case import Case
from tests.corpus_smime.cases_cms import CASES as CMS
from tests.corpus_smime.cases_mail import CASES as MAIL
from tests.corpus_smime.cases_sender import CASES as SENDER

CASES: tuple[Case, ...] = (*CMS, *MAIL, *SENDER)
