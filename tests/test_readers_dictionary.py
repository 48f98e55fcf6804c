"""The tags and value representations in the code are those of the standard's dictionary."""

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from cxrview.readers.dicom_dataset import DESCRIPTION, FREE_TEXTS, IDENTIFIERS, IN_ITEMS


@pytest.mark.parametrize("table", [DESCRIPTION, IN_ITEMS, IDENTIFIERS, FREE_TEXTS])
def test_every_element_is_in_the_dictionary(table):
    found = {keyword: (tag_for_keyword(keyword), dictionary_VR(keyword)) for keyword in table}
    assert found == table
