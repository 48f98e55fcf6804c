"""Files of any kind -> Radiograph."""
