"""What can be said of a letter against its receipt, and of two receipts against each other."""

from typing import Final

from services.verify.case import (
    BODY,
    BOTH,
    DECODED,
    FILES,
    IDENTITY,
    LINK,
    MESSAGE_ID,
    OCTETS,
    Case,
    contradicted,
    left_open,
    missing,
    proven,
)

LETTER: Final[dict[str, Case]] = {
    # -- the letter -------------------------------------------------------------------------------------------------
    "letter_stored": proven(
        "หนังสือที่ให้มาตรงทุกอักขระกับฉบับที่ใบรับระบุ",
        "The letter given is, octet for octet, the one the receipt is of.",
        OCTETS,
    ),
    "letter_covered": proven(
        "ต้นฉบับที่แนบอยู่ในไปรษณีย์ที่ให้มาตรงทุกอักขระกับฉบับที่ใบรับระบุ",
        "The original attached to the mail given is, octet for octet, the letter the receipt is of.",
        OCTETS,
    ),
    "letter_line_ends": proven(
        "หนังสือที่ให้มาตรงทุกอักขระกับฉบับที่ใบรับระบุ เว้นแต่เครื่องหมายขึ้นบรรทัด",
        "The letter given is, octet for octet but for its line ends, the one the receipt is of.",
        OCTETS,
    ),
    "letter_named": proven(
        "สำเนาที่ให้มามี Message-ID ผู้ส่ง วันที่ เรื่อง และเนื้อความทุกอักขระตรงกับฉบับที่ใบรับระบุ",
        "The copy given has Message-ID, From, Date, Subject and, octet for octet, body of the receipt's letter.",
        IDENTITY,
    ),
    "letter_message_id": proven(
        "Message-ID ของสำเนาตรงกับใบรับ",
        "The copy has the Message-ID that the receipt names.",
        MESSAGE_ID,
    ),
    "letter_no_message_id": left_open(
        "สำเนาที่ให้มาไม่มี Message-ID ซึ่งมักเติมให้ระหว่างทาง จึงเทียบกับใบรับไม่ได้",
        "The copy has no Message-ID, which is often added on the way, to compare with the receipt's.",
    ),
    "letter_other_message_id": contradicted(
        "Message-ID ของหนังสือที่ให้มาคือ {found} แต่ใบรับเป็นของ {said}",
        "The letter given has the Message-ID {found}, the receipt is of {said}.",
        MESSAGE_ID,
    ),
    "letter_body": proven(
        "เนื้อความและไฟล์แนบของสำเนาตรงกับฉบับที่ใบรับระบุ",
        "Text and attachments of the copy are those of the receipt's letter, white space at line ends aside.",
        BODY,
    ),
    "letter_text": proven(
        "ข้อความของสำเนาตรงกับฉบับที่ใบรับระบุ แม้จะเข้ารหัสต่างกัน (ไม่นับช่องว่าง)",
        "The text of the copy is that of the receipt's letter, though encoded otherwise (white space aside).",
        DECODED,
    ),
    "letter_other_text": contradicted(
        "ข้อความของหนังสือที่ให้มาไม่ตรงกับฉบับที่ใบรับระบุ",
        "The text of the letter given is not that of the letter the receipt is of.",
        DECODED,
    ),
    "letter_text_unknown": missing(
        "สำเนาถูกเข้ารหัสใหม่ระหว่างทาง และใบรับไม่มีค่าแฮชของข้อความที่ถอดรหัสแล้ว จึงเทียบข้อความไม่ได้",
        "The copy was encoded otherwise, and the receipt has no digest of the decoded text to compare it with.",
    ),
    "letter_file": proven(
        "ไฟล์แนบ {file} ตรงทุกอักขระกับที่ใบรับระบุ",
        "The attachment {file} is, octet for octet, the one the receipt lists.",
        FILES,
    ),
    "letter_file_changed": contradicted(
        "ไฟล์แนบ {file} ไม่ตรงกับที่ใบรับระบุ",
        "The attachment {file} is not the one the receipt lists.",
        FILES,
    ),
    "letter_file_missing": contradicted(
        "หนังสือที่ให้มาไม่มีไฟล์แนบ {file} ที่ใบรับระบุ",
        "The letter given lacks the attachment {file} that the receipt lists.",
        FILES,
    ),
    "letter_file_added": contradicted(
        "หนังสือที่ให้มามีไฟล์แนบ {file} ซึ่งใบรับไม่ได้ระบุ",
        "The letter given has an attachment {file} that the receipt does not list.",
        FILES,
    ),
    "letter_files_unknown": missing(
        "ใบรับไม่มีรายการไฟล์แนบให้เทียบ",
        "The receipt has no list of attachments to compare with.",
    ),
    "letter_header_open": left_open(
        "ส่วนหัวอื่นของสำเนา เช่น ผู้ส่ง วันที่ เรื่อง พิสูจน์ด้วยสำเนานี้ไม่ได้ เพราะเปลี่ยนระหว่างทางได้",
        "Other header lines of the copy, such as From, Date and Subject, are not proven by it: relays may change them.",
    ),
    "letter_header_differs": missing(
        "ผู้ส่ง วันที่ หรือเรื่องของสำเนา (หรือช่องว่างในเนื้อความ) ไม่ตรงกับฉบับที่ใบรับระบุ บอกไม่ได้ว่าส่วนใด",
        "From, Date, Subject or white space of the copy differs from the receipt's letter: which, cannot be told.",
    ),
    "letter_is_file": proven(
        "ไฟล์ที่ให้มาคือไฟล์แนบ {file} ที่ใบรับระบุ ตรงกันทุกอักขระ",
        "The file given is, octet for octet, the attachment {file} of the letter the receipt is of.",
        FILES,
    ),
    "letter_rest_open": left_open(
        "ส่วนอื่นของหนังสือมิได้ให้มาเทียบ",
        "The rest of the letter was not given, and so not compared.",
    ),
    "letter_no_file": contradicted(
        "ไฟล์ที่ให้มาไม่ใช่หนังสือที่ใบรับระบุ และไม่ใช่ไฟล์แนบของหนังสือนั้น",
        "The file given is neither the letter the receipt is of nor an attachment of it.",
        FILES,
    ),
    "letter_not_comparable": missing(
        "หนังสือที่ให้มาไม่ตรงทุกอักขระกับฉบับที่ใบรับระบุ และใบรับไม่มีค่าแฮชอื่นให้เทียบ",
        "The letter given is not octet for octet the receipt's, and the receipt has no other digest to compare.",
    ),
    "letter_other": contradicted(
        "ใบรับนี้เป็นของหนังสือฉบับอื่น ทั้ง Message-ID ข้อความ และไฟล์แนบไม่ตรงกับหนังสือที่ให้มา",
        "This is the receipt of another letter: Message-ID, text and attachments are not those of the one given.",
        BODY,
    ),
    # -- two receipts -----------------------------------------------------------------------------------------------
    "pair_contradicts": contradicted(
        "{field_thai}: ใบรับที่ ๑ (ประทับตราโดย {sealer_1}) บอก {said_1} ใบรับที่ ๒ (ประทับตราโดย {sealer_2}) บอก {said_2}",
        "{field}: receipt 1 (sealed by {sealer_1}) says {said_1}, receipt 2 (sealed by {sealer_2}) says {said_2}.",
        BOTH,
    ),
    "pair_forked": contradicted(
        "ใบรับสองฉบับ (ประทับตราโดย {sealer_1} และ {sealer_2}) แสดงทะเบียนเดียวกันเป็นสองแบบที่ขัดกัน",
        "The two receipts (sealed by {sealer_1} and {sealer_2}) show two versions of one book.",
        LINK,
    ),
    "pair_agrees": proven(
        "ใบรับทั้งสองฉบับเป็นของรายการเดียวกันและไม่ขัดกัน",
        "The two receipts are of the same entry and do not contradict each other.",
        BOTH,
    ),
    "pair_apart": left_open(
        "ใบรับทั้งสองฉบับเป็นของหนังสือคนละฉบับและไม่ขัดกัน",
        "The two receipts are of different letters and do not contradict each other.",
    ),
}
